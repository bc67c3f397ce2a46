"""Whether a call would run, and why: what is asked for, compared with what there is.

Executes nothing, records nothing and restores nothing.
"""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING

from consist.errors import BlobNotFoundError, DamagedError, InputError
from consist.hashing.hasher import Hashed
from consist.runs.declared import compared_with_found, refused
from consist.runs.draft import draft_of
from consist.runs.explanation import Explanation, compared, remark_on_absence
from consist.runs.options import INPUTS_MISSING, OUTPUTS_ALL, OUTPUTS_REQUESTED
from consist.runs.request import identify
from consist.runs.run import Run
from consist.store.lookup import look
from consist.store.nearest import nearest_run

if TYPE_CHECKING:
    from collections.abc import Mapping

    from consist.index.records import ArtifactRecord, RunRecord
    from consist.runs.library import Library
    from consist.runs.request import Identified, Request
    from consist.store.files import FileDigests
    from consist.store.store import Store


def explain(request: Request, store: Store, library: Library) -> Explanation:
    """Say whether a request would be a hit, and if not, why.

    Raises
    ------
    UsageError
        If the request does not fit together.
    RefusedError
        If the run would be found, and its files not put where they are wanted.
    StorageError
        If store or index cannot be used.
    """
    try:
        return explain_identified(identify(request, store.files), store, library)
    except InputError:
        if request.cache.cache_hydration != INPUTS_MISSING:
            raise
        from consist.runs.hydrate import recorded_at_given_paths

        gone = recorded_at_given_paths(request.inputs, store)
        if not gone:
            raise
    found = explain_identified(identify(request, _Restored(store.files, gone)), store, library)  # type: ignore[arg-type]  # it has the methods that are used
    return replace(found, remarks=(*found.remarks, *(f"{place} would be restored" for place in gone)))


class _Restored:
    """Digests of files, as if some that are gone had been restored."""

    def __init__(self, files: FileDigests, gone: Mapping[str, ArtifactRecord]) -> None:
        self._files = files
        self._gone = gone
        self.refuse_own = files.refuse_own

    def digest(self, path: str) -> Hashed:
        """Return the digest and size of a file."""
        output = self._gone.get(os.path.abspath(path))  # noqa: PTH100 - a string, as `FileDigests` takes it
        return self._files.digest(path) if output is None else Hashed(output.digest, output.size)


def explain_identified(identified: Identified, store: Store, library: Library) -> Explanation:
    """Say the same of a request whose identity is known."""
    step, signature, cache = identified.request.step, identified.signature, identified.request.cache
    if signature is None:
        return Explanation(step, hit=False, remarks=tuple(f"not cached: {why}" for why in identified.code.uncacheable))
    if cache.cache_mode in {"off", "overwrite"}:
        return Explanation(step, hit=False, remarks=(f"cache_mode is {cache.cache_mode!r}",))
    found, problem = look(store, signature, validate=cache.validate_cached_outputs)
    if found is not None and problem is None:
        declared = identified.request.declared
        short = refused(compared_with_found(found.outputs, declared), declared.policy)
        problem = _unrestorable(identified.request, found, store, library) if short is None else str(short.error)
    if found is not None and problem is None:
        return Explanation(step, hit=True, run=Run(found))
    draft = draft_of(identified)
    nearest = found or nearest_run(store, draft, earlier=False)
    if nearest is None and problem is None:
        problem = remark_on_absence(step, index_is_partial=store.index.needs_rebuild)
    return compared(draft, nearest, problem)


def _unrestorable(request: Request, record: RunRecord, store: Store, library: Library) -> str | None:
    """Say which file that a hit would put in place is damaged or missing: the call is a miss then."""
    if request.cache.cache_hydration not in {OUTPUTS_REQUESTED, OUTPUTS_ALL}:
        return None
    from consist.runs.hydrate import to_restore
    from consist.store.validate import invalid_output

    try:
        wanted = [output for output, _ in to_restore(request, record, library, store.blobs)]
    except (DamagedError, BlobNotFoundError) as error:
        return f"run {record.id}: {error.message}"
    wrong = invalid_output(store, replace(record, outputs=tuple(wanted)), read=True)
    return None if wrong is None else f"run {record.id}: {wrong}"
