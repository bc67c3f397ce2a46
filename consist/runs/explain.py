"""Why a call would run: what is asked for, compared with what there is. Executes nothing and records nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from consist.runs.declared import compared_with_found, refused
from consist.runs.draft import draft_of
from consist.runs.explanation import Explanation, compared, remark_on_absence
from consist.runs.request import identify
from consist.runs.run import Run
from consist.store.lookup import look
from consist.store.nearest import nearest_run

if TYPE_CHECKING:
    from consist.runs.request import Identified, Request
    from consist.store.store import Store


def explain(request: Request, store: Store) -> Explanation:
    """Say whether a request would be a hit, and if not, why.

    Raises
    ------
    UsageError
        If the request does not fit together.
    StorageError
        If store or index cannot be used.
    """
    return explain_identified(identify(request, store), store)


def explain_identified(identified: Identified, store: Store) -> Explanation:
    """Say the same of a request whose identity is known."""
    step, signature = identified.request.step, identified.signature
    if signature is None:
        return Explanation(step, hit=False, remarks=tuple(f"not cached: {why}" for why in identified.code.uncacheable))
    found, problem = look(store, signature)
    if found is not None and problem is None:
        declared = identified.request.declared
        short = refused(compared_with_found(found.outputs, declared), declared.policy)
        problem = None if short is None else str(short.error)
    if found is not None and problem is None:
        return Explanation(step, hit=True, run=Run(found))
    draft = draft_of(identified)
    nearest = found or nearest_run(store, draft, earlier=False)
    remark = remark_on_absence(step) if nearest is None and problem is None else problem
    return compared(draft, nearest, remark)
