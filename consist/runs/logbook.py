"""What is logged in a run while it is under way: inputs, outputs, meta. `RunContext` is its face.

Content is in the store when a method returns, so that a process that dies leaves whole blobs; what they are outputs
*of* is said by the record, which whoever runs the run writes at its end (``perform.py``, ``active.py``).
"""

from __future__ import annotations

import os
import threading
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from consist.arguments import shown
from consist.blobs.folderscan import REFUSE
from consist.errors import NotFoundError, OutputError, UsageError
from consist.identity.config import readable
from consist.identity.names import check_name
from consist.index.records import RUN
from consist.runs.artifact import Artifact
from consist.runs.formats.registry import PARQUET, format_for
from consist.runs.inputs import changed_inputs, digest_of_inputs, is_path_of, name_of, resolve_inputs

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from consist.index.records import ArtifactRecord, RunRecord
    from consist.runs.capture import Capture
    from consist.runs.collect import Collector
    from consist.runs.inputs import ResolvedInput
    from consist.runs.library import Library
    from consist.store.store import Store

LOGGED = "logged"
"""In an output's media: it was logged, and is no part of what a function returned."""


class Logbook:
    """Keeps what a run logs, until it is closed. Safe under threads.

    Parameters
    ----------
    draft : RunRecord
        The run as it was when it began.
    collector : Collector
        Stores outputs.
    store : Store
        Where they are, and what digests files.
    library : Library
        Hands out artifacts.
    inputs : tuple of ResolvedInput
        What the run was given.

    Attributes
    ----------
    symlinks : str
        What to do about links in folders that are logged or captured.
    handed : dict of str to str
        The paths that stood for artifacts among the inputs, by the input's name.
    """

    def __init__(
        self,
        draft: RunRecord,
        collector: Collector,
        store: Store,
        library: Library,
        inputs: tuple[ResolvedInput, ...] = (),
    ) -> None:
        self.draft = draft
        self.symlinks = REFUSE
        self.collector = collector
        self.inputs = {item.record.key: item for item in inputs}
        self.outputs: dict[str, ArtifactRecord] = {}
        self.handed: dict[str, str] = {}
        self.told: Callable[[Artifact], object] | None = None
        self._store = store
        self._library = library
        self._meta: dict[str, Any] = {}
        self._asked: dict[str, None] = {}
        self._captures: list[Capture] = []
        self._lock = threading.Lock()
        self._closed = False

    @property
    def asked(self) -> tuple[str, ...]:
        """Ids of the runs that the function asked for so far."""
        return tuple(self._asked)

    @property
    def closed(self) -> bool:
        """Whether the run has ended."""
        return self._closed

    @property
    def is_recorded(self) -> bool:
        """Whether there will be a record of the run: who must not write leaves none."""
        return self.collector.is_storing

    def add_input(self, source: object, key: str | None) -> Path | Artifact:
        """Take an input in, as it is now."""
        if self.draft.kind == RUN:
            raise UsageError(
                f"step {self.draft.step!r} is cached, so what it reads must be known before it runs",
                hint="give it in inputs=; only a trace can log what it reads",
            )
        name = check_name("input", key if key is not None else name_of(source))
        (item,) = resolve_inputs({name: source}, self._store.files)
        with self._lock:
            self._check_open()
            known = self.inputs.setdefault(name, item)
        if known.record.digest != item.record.digest:
            raise UsageError(f"the run has another input {name!r} already", hint="log it under another key")
        return item.source

    def add_output(self, value: Any, key: str | None) -> Artifact:
        """Store an output and take it in."""
        name = check_name("output", key if key is not None else _own_name(value))
        self._check_open()
        made = self._stored(name, value)
        with self._lock:
            self._check_open()
            known = self.outputs.setdefault(name, made)
        if known is not made and (known.digest, known.format) != (made.digest, made.format):
            raise OutputError(f"the run has another output {name!r} already", hint="log it under another key")
        artifact = self._artifact(known)
        if self.told is not None:
            self.told(artifact)
        return artifact

    def _stored(self, name: str, value: Any) -> ArtifactRecord:
        if isinstance(value, Artifact):
            record = replace(value.record, key=name)
            self._check_here(value)
        else:
            record = self.collector.one(name, value, symlinks=self.symlinks)
        return replace(record, media={**record.media, LOGGED: True})

    def _artifact(self, made: ArtifactRecord) -> Artifact:
        return Artifact(made, self.draft.id, self._library)

    def add_table(self, table: Any, key: str) -> Artifact:
        """Store a table and take it in."""
        if format_for(table) is not PARQUET:
            raise OutputError(
                f"{shown(table)} is no table of pandas, polars or Arrow",
                hint="log_artifact takes values, log_output files",
            )
        return self.add_output(table, key)

    def add_meta(self, values: Mapping[str, Any]) -> None:
        """Take values of the run itself in."""
        plain = {check_name("meta value", name): readable(value) for name, value in values.items()}
        with self._lock:
            self._check_open()
            self._meta.update(plain)

    def add_asked(self, run_id: str) -> bool:
        """Take in a run that the function asked for; False if this is no function's run. After its end it is late."""
        if self.draft.kind != RUN:
            return False
        with self._lock:
            if not self._closed:
                self._asked[run_id] = None
        return True

    def load(self, what: object) -> Any:
        """Return the value of an artifact, or of what is called so here."""
        if isinstance(what, Artifact):
            return what.load()
        if not isinstance(what, str):
            raise UsageError(f"{shown(what)} cannot be loaded", hint="give an artifact, or a name")
        with self._lock:
            given, made = self.inputs.get(what), self.outputs.get(what)
        if given is not None:
            return self._input(what, given.source)
        if made is not None:
            return self._artifact(made).load()
        raise NotFoundError(
            f"run {self.draft.id} of {self.draft.step!r} has no input and no output {what!r:.60}",
            hint=f"it has {', '.join([*self.inputs, *self.outputs]) or 'none'}",
        )

    def _input(self, name: str, source: Artifact | Path) -> Any:
        if not isinstance(source, Artifact):
            return source
        value = source.load()
        if is_path_of(value, source):
            self.handed[name] = str(value)
        return value

    def capture(self, folder: str | os.PathLike[str], pattern: str, symlinks: str | None = None) -> Capture:
        """Begin to capture what is written below a folder, until the run ends or the capture is used as a block."""
        from consist.runs.capture import Capture

        self._check_open()
        links = symlinks or self.symlinks
        capture = Capture(os.fspath(folder), pattern, self.add_output, self._withdraw, symlinks=links)
        self._captures.append(capture)
        return capture

    def _withdraw(self, capture: Capture) -> None:
        if capture in self._captures:
            self._captures.remove(capture)

    def end_captures(self) -> None:
        """Take in what was written for the captures that hold to the end of the run."""
        for capture in list(self._captures):
            capture.finish()

    def close(self) -> None:
        """Take nothing in any more: the run has ended."""
        with self._lock:
            self._closed = True

    def written_into(self, record: RunRecord) -> RunRecord:
        """Return a record with what was logged: inputs, outputs after those that are there, meta, runs asked for."""
        if record.kind == RUN and not (self.outputs or self._meta or self._asked):
            return record  # most runs log nothing, and a copy takes longer than all the rest here
        with self._lock:
            inputs = tuple(self.inputs.values())
            logged = dict(self.outputs)
            meta = dict(self._meta)
            asked = tuple(self._asked)
        for output in record.outputs:
            logged.pop(output.key, None)
        if record.kind != RUN:
            record = replace(
                record,
                inputs=tuple(item.record for item in inputs),
                parts={**record.parts, "inputs": digest_of_inputs(inputs)},
            )
        return replace(record, outputs=(*record.outputs, *logged.values()), meta={**record.meta, **meta}, asked=asked)

    def changed_inputs(self) -> list[str]:
        """Name the files and folders among the inputs that are not what they were."""
        if not self.inputs:
            return []
        return changed_inputs(tuple(self.inputs.values()), self._store.files, self.handed, self._library.still_is)

    def contradicted(self, outputs: tuple[ArtifactRecord, ...]) -> list[str]:
        """Say which of what a function returned was logged too, with other content."""
        return [
            f"output {output.key!r} was logged, and another one was returned"
            for output in outputs
            if (logged := self.outputs.get(output.key)) is not None and logged.digest != output.digest
        ]

    def _check_open(self) -> None:
        if self._closed:
            raise UsageError(
                f"run {self.draft.id} of {self.draft.step!r} has ended", hint="log before its block or function ends"
            )

    def _check_here(self, artifact: Artifact) -> None:
        record = artifact.record
        if record.inline is None and self._store.blobs.stat(record.digest, size=record.size) is None:
            raise OutputError(
                f"the content of artifact {artifact.key!r} is not in this store", hint="log a file: its path"
            )


def _own_name(value: object) -> str:
    if isinstance(value, Artifact):
        return value.key
    if isinstance(value, Path):
        named = value.resolve()
        return named.name if named.is_dir() else named.stem
    raise UsageError(f"what is this {type(value).__name__} called?", hint='give it a name: key="table"')
