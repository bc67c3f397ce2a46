"""A block of a program as a run: traces, and what scenarios share with them. It is always executed.

What it reads and makes is logged in it (``logbook.py``); the record is written when the block ends, after all that it
names is in the store. No signature leads to it: a block's code is not looked at, so nothing says what it is.
"""

from __future__ import annotations

import contextlib
from dataclasses import replace
from typing import TYPE_CHECKING

from consist.errors import (
    ConflictError,
    ConsistError,
    ConsistWarning,
    RefusedError,
    StorageError,
    StoragePermissionError,
    UsageError,
    warn,
)
from consist.index.records import COMPLETED, SCENARIO
from consist.runs.context import RunContext, running
from consist.runs.draft import draft_of_block, now
from consist.runs.failure import failed_record, record_failure
from consist.runs.inputs import resolve_inputs
from consist.runs.logbook import Logbook
from consist.runs.request import identity_of_config
from consist.store.latest import note_latest
from consist.store.publish import keep

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from consist.index.records import RunRecord
    from consist.runs.artifact import Artifact
    from consist.runs.block import Block
    from consist.runs.inputs import ResolvedInput
    from consist.runs.perform import Workshop
    from consist.store.files import FileDigests


@contextlib.contextmanager
def trace(workshop: Workshop, asked: Block, told: Callable[[Artifact], object] | None = None) -> Iterator[RunContext]:
    """Execute a ``with`` block as a run.

    Parameters
    ----------
    workshop : Workshop
        Where it is recorded.
    asked : Block
        What it is.
    told : callable, optional
        Gets each output as soon as it is logged.
    """
    logbook = begin(asked, workshop)
    logbook.told = told
    run = RunContext(logbook, workshop.run_dir)
    with recorded(run, logbook, workshop, writes=asked.writes):
        yield run


def begin(asked: Block, workshop: Workshop) -> Logbook:
    """Look at what a block is given, and open the book of what it logs.

    Raises
    ------
    UsageError
        If config or inputs cannot be used, or have a name in common.
    """
    draft, inputs = look_at(asked, workshop.store.files)
    return Logbook(draft, workshop.collector(asked.name, writes=asked.writes), workshop.store, workshop.library, inputs)


def look_at(asked: Block, files: FileDigests) -> tuple[RunRecord, tuple[ResolvedInput, ...]]:
    """Look at what a block is given; return the block as it begins, and its inputs.

    Raises
    ------
    UsageError
        As `begin`.
    """
    config = identity_of_config(asked.config)
    inputs = resolve_inputs(asked.inputs, files)
    for item in inputs:
        if item.record.key in config.values:
            raise UsageError(f"{item.record.key!r} is in config and in inputs", hint="give it once")
    return draft_of_block(asked, config, inputs), inputs


@contextlib.contextmanager
def recorded(run: RunContext, logbook: Logbook, workshop: Workshop, *, writes: bool) -> Iterator[None]:
    """Record a ``with`` block as a run when it ends, in whatever way, if that is wanted; its exception passes through.

    That the record cannot be stored is a warning, as for a call: a pipeline whose steps are all found again must get
    through without its server.
    """
    try:
        with running(run):
            yield
            logbook.end_captures()
    except BaseException as error:
        logbook.close()
        if not writes:
            raise
        _write_events(logbook, workshop)
        record_failure(failed_record(logbook.written_into(logbook.draft), error), workshop.store)
        raise
    ended = now()
    logbook.close()
    if not writes:
        return
    _write_events(logbook, workshop)
    record = logbook.written_into(replace(logbook.draft, status=COMPLETED, ended=ended, notes=tuple(_changes(logbook))))
    try:
        keep(workshop.store, record)
        note_latest(workshop.store, record)
    except StoragePermissionError as error:
        way = f'{record.kind}(…, cache_options=CacheOptions(cache_mode="readonly")) is for who may only read the store'
        warn(f"{record.kind} {record.id} of {record.step!r} is not recorded: {error.message} ({way})", ConsistWarning)
    except (StorageError, ConflictError, RefusedError) as error:  # the work is done, as in ``perform.py``
        warn(f"{record.kind} {record.id} of {record.step!r} is not recorded in full: {error}", ConsistWarning)


def _changes(logbook: Logbook) -> Iterator[str]:
    """Say of a block's inputs which changed while it ran, as far as that can be seen."""
    try:
        yield from (f"input {name!r} changed while the block ran" for name in logbook.changed_inputs())
    except StorageError as error:
        yield f"it could not be seen whether inputs changed meanwhile: {error}"


def _write_events(logbook: Logbook, workshop: Workshop) -> None:
    """Let a scenario's record not be there before what says which runs were found again in it.

    What cannot be written is kept in memory, and the next who writes tries again; if the store takes nothing, the
    record says so.
    """
    if logbook.draft.kind == SCENARIO:
        with contextlib.suppress(ConsistError):
            workshop.store.events.flush()
