"""A run before it runs: its record, as it stands if the function fails. Of what it will make it knows nothing."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from consist.identity.code.owners import label_of_any
from consist.index.records import FAILED, ContractRecord, RunRecord, new_run_id
from consist.runs.context import parent_under_way
from consist.runs.inputs import digest_of_inputs
from consist.runs.machine import machine_facts
from consist.runs.options import DEFAULT_CODE
from consist.runs.request import terms

if TYPE_CHECKING:
    from consist.identity.config import ConfigIdentity
    from consist.runs.block import Block
    from consist.runs.inputs import ResolvedInput
    from consist.runs.request import Identified, Request


def draft_of(identified: Identified) -> RunRecord:
    """Describe a run that has not begun: all of its identity, status ``failed``, no signature."""
    request = identified.request
    at = now()
    return RunRecord(
        id=new_run_id(),
        signature=None,
        step=request.step,
        status=FAILED,
        started=at,
        ended=at,
        parts=identified.parts,
        code=dict(identified.code.manifest),
        config=identified.config.readable(),
        config_parts=identified.config.parts(),
        inputs=tuple(item.record for item in identified.inputs),
        parent=parent_under_way(),
        tags=request.tags,
        description=request.description,
        facet=request.facet,
        machine=machine_facts(),
        notes=(*_option_notes(request), *identified.code.warnings),
        contract=_contract(identified),
    )


def draft_of_block(asked: Block, config: ConfigIdentity, inputs: tuple[ResolvedInput, ...]) -> RunRecord:
    """Describe a block that begins now, as `draft_of` does a call: it has no code, and no signature will lead to it."""
    at = now()
    return RunRecord(
        id=new_run_id(),
        signature=None,
        step=asked.name,
        status=FAILED,
        started=at,
        ended=at,
        parts={"config": config.digest, "inputs": digest_of_inputs(inputs)},
        config=config.readable(),
        config_parts=config.parts(),
        inputs=tuple(item.record for item in inputs),
        parent=parent_under_way(),
        tags=asked.tags,
        description=asked.description,
        facet=asked.facet,
        machine=machine_facts(),
        contract=ContractRecord(asked.required),
        kind=asked.kind,
    )


def fill_in(draft: RunRecord, **values: Any) -> None:
    """Set values of a draft that nobody was given yet: a copy, however made, takes 10 of a miss's 600 us."""
    for name, value in values.items():
        object.__setattr__(draft, name, value)


def now() -> int:
    """Return the time as records have it: microseconds since 1970."""
    return time.time_ns() // 1000


def _contract(identified: Identified) -> ContractRecord:
    request = identified.request
    return ContractRecord(request.declared.keys, request.path_names, dict(identified.modes))


def _option_notes(request: Request) -> list[str]:
    """Say which of the code options were used, and which terms are in the contract besides.

    A store may be shared: names and paths are noted as they were given, of anything else what it is, not what it holds.
    """
    given = request.code
    if given is DEFAULT_CODE:
        return [f"{name}: {value!r:.200}" for name, value in terms(request)]
    used = {
        "version": given.version,
        "code": [os.fspath(item) if isinstance(item, Path) else label_of_any(item) for item in given.code],
        "ignore": [item if isinstance(item, str) else label_of_any(item) for item in given.ignore],
        "depends_on": [os.fspath(path) for path in given.depends_on],
    }
    code = [f"code option {name}: {value!r:.200}" for name, value in used.items() if value]
    return [*code, *(f"{name}: {value!r:.200}" for name, value in terms(request))]
