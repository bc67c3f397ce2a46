"""Records: the immutable description of a run, as values and as bytes; events are in ``logobject``.

A record is a msgpack array whose first item is the version of its schema; ``docs/format.md`` lists the others. The
arrays have no names in them, so a reader must know the version: a newer one is refused, an array of another length
or with items of other types is damage. Older versions are read: what they lack has the value that it had then. Sizes
and depth are capped by the codec below.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from typing import Any

from consist.errors import DamagedError, FormatError
from consist.hashing.codec import unpack
from consist.hashing.digest import Digest
from consist.hashing.frame import Kind, decode_frame, encode_frame
from consist.index.logobject import Event, decode_events, encode_events
from consist.index.recordcheck import check_types, packed

__all__ = [
    "COMPLETED",
    "FAILED",
    "FORGOTTEN",
    "RUN",
    "SCENARIO",
    "TRACE",
    "TREE",
    "ArtifactRecord",
    "ContractRecord",
    "Event",
    "InputRecord",
    "RunRecord",
    "decode_events",
    "decode_record",
    "encode_events",
    "encode_record",
]

VERSION = 1
_ITEMS = {0: 22, 1: 24}
"""How many items the array of a version has."""

TREE = "tree"
"""The format of an output that is a folder: its content is the list of its files (``blobs/tree.py``)."""

ARTIFACT = "artifact"
"""The kind of an input that a run made; its location is ``runs/<id>/<key>``."""

COMPLETED = "completed"
FAILED = "failed"
FORGOTTEN = "forgotten"
"""The status of a completed run whose result somebody said to be wrong (``store/marking.py``)."""

RUN = "run"
"""The kind of a run that called a function, or was to be found again."""
TRACE = "trace"
"""The kind of a run that was a block of a program; it is always executed."""
SCENARIO = "scenario"
"""The kind of a run that holds others."""

_ASKED = "runs/asked"
"""Where the meta have the runs that were asked for: nobody can log this name, and older readers take it as it comes."""


@dataclass(frozen=True, slots=True)
class ArtifactRecord:
    """A named, typed output of a run.

    Attributes
    ----------
    key : str
        Its name within the run.
    digest : Digest
        Of its content.
    size : int
        Bytes of what the digest names; of a folder that is its tree, the list.
    format : str
        How a value became those bytes, and how it comes back; never sniffed.
    inline : bytes or None
        The content itself where it is small; else it is the blob `digest`.
    media : dict
        Plain details of the format: a file's name, a table's columns, how many files a folder has.
    """

    key: str
    digest: Digest
    size: int
    format: str
    inline: bytes | None = None
    media: dict[str, Any] = field(default_factory=dict)

    @property
    def content_size(self) -> int:
        """Bytes of content, as people count them: of a folder, of its files together."""
        total = self.media.get("total") if self.format == TREE else None
        return total if type(total) is int and total >= 0 else self.size

    @property
    def executable(self) -> bool:
        """Whether its owner may execute the file; of a folder's files its tree says that."""
        return self.media.get("executable") is True


@dataclass(frozen=True, slots=True)
class InputRecord:
    """A named input of a run.

    Attributes
    ----------
    key : str
        Its name within the run.
    kind : str
        ``file``, ``folder`` or ``artifact``.
    digest : Digest
        Of its content.
    size : int
        Bytes of content.
    location : str
        The path, or ``runs/<id>/<key>`` of an artifact, as it was given; for people, not part of the signature.
    """

    key: str
    kind: str
    digest: Digest
    size: int
    location: str


@dataclass(frozen=True, slots=True)
class ContractRecord:
    """What shaped a run beside its code, config and inputs; the part ``contract`` is a digest of it.

    Attributes
    ----------
    outputs : tuple of str
        The declared names of what is returned, in order.
    paths : tuple of str
        The names of the files that were declared by path.
    inputs : dict of str to str
        How each input was handed over: ``artifact``, ``path``, ``text`` or ``value``.
    """

    outputs: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()
    inputs: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RunRecord:
    """One execution, wholly described.

    Attributes
    ----------
    id : str
        20 hexadecimal digits, random.
    signature : Digest or None
        What it is; None if no signature leads to it (failed, uncached, cache off).
    step : str
        The step's name.
    status : str
        ``completed``, ``failed``, or ``forgotten``: afterwards somebody said that its result is wrong.
    started, ended : int
        Microseconds since 1970, by the clock of the machine that ran it.
    parts : dict of str to Digest
        The digests that the signature was made of: ``code``, ``config``, ``inputs``, ``contract``.
    code : dict of str to Digest
        The manifest of the code: what was reached, and the digest of each.
    config : object
        The config as plain data, readable.
    config_parts : dict of str to Digest
        A digest for each top-level key of the config, from which a miss is explained.
    inputs, outputs : tuple
        What went in and came out, in order.
    returns : str
        How the outputs make up the return value: ``none``, ``single``, ``dict`` or ``tuple``.
    parent : str
        Id of the run that it ran within, or ``""``.
    tags : tuple of str
        Sorted.
    description : str
        Free text.
    facet : dict
        Plain values to search by.
    error : tuple of str
        Type and message of the exception, for a failed run; else empty.
    machine : dict
        Plain facts: host, python, platform, consist.
    notes : tuple of str
        Warnings that belong to the run.
    contract : ContractRecord
        What was declared, and how inputs were handed over; for people, as `config` is.
    kind : str
        ``run``, ``trace`` or ``scenario``; a reader takes one that it does not know as it comes.
    meta : dict
        Plain values that the run logged of itself, by name.
    asked : tuple of str
        Ids of the runs that a function asked for while it was called, executed or found: it was made from them too.
    """

    id: str
    signature: Digest | None
    step: str
    status: str
    started: int
    ended: int
    parts: dict[str, Digest] = field(default_factory=dict)
    code: dict[str, Digest] = field(default_factory=dict)
    config: Any = None
    config_parts: dict[str, Digest] = field(default_factory=dict)
    inputs: tuple[InputRecord, ...] = ()
    outputs: tuple[ArtifactRecord, ...] = ()
    returns: str = "none"
    parent: str = ""
    tags: tuple[str, ...] = ()
    description: str = ""
    facet: dict[str, Any] = field(default_factory=dict)
    error: tuple[str, ...] = ()
    machine: dict[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    contract: ContractRecord = field(default_factory=ContractRecord)
    kind: str = RUN
    meta: dict[str, Any] = field(default_factory=dict)
    asked: tuple[str, ...] = ()

    @property
    def frame_key(self) -> bytes:
        """The key of its frame: the signature that leads to it, else its id."""
        return self.signature.raw if self.signature is not None else self.id.encode()

    def without_signature(self) -> RunRecord:
        """Return the same run as one that no signature leads to any more, because another one superseded it."""
        return replace(self, signature=None)

    def forgotten(self) -> RunRecord:
        """Return the same run as one that is wrong: no signature leads to it, and it counts as completed no more."""
        return replace(self, signature=None, status=FORGOTTEN if self.status == COMPLETED else self.status)


def new_run_id() -> str:
    """Return a run id: 80 random bits, so that no two machines ever make the same one."""
    return os.urandom(10).hex()


def encode_record(record: RunRecord) -> bytes:
    """Return the framed bytes of a record, as the store and the index keep them.

    Raises
    ------
    UsageError, UnsupportedError
        If its config, facet, meta or media hold anything but plain data; if it is too large to be read back.

    Examples
    --------
    >>> record = RunRecord("0" * 20, None, "clean", COMPLETED, 0, 1)
    >>> decode_record(encode_record(record), b"0" * 20) == record
    True
    """
    fields = [
        VERSION,
        record.id,
        record.signature.raw if record.signature is not None else None,
        record.step,
        record.status,
        record.started,
        record.ended,
        _pack_digests(record.parts),
        _pack_digests(record.code),
        record.config,
        _pack_digests(record.config_parts),
        [[item.key, item.kind, item.digest.raw, item.size, item.location] for item in record.inputs],
        [[item.key, item.digest.raw, item.size, item.format, item.inline, item.media] for item in record.outputs],
        record.returns,
        record.parent,
        list(record.tags),
        record.description,
        record.facet,
        list(record.error),
        record.machine,
        list(record.notes),
        [list(record.contract.outputs), list(record.contract.paths), record.contract.inputs],
        record.kind,
        {**record.meta, _ASKED: list(record.asked)} if record.asked else record.meta,
    ]
    return encode_frame(Kind.RECORD, record.frame_key, packed(record, fields))


def decode_record(data: bytes, key: bytes | None = None) -> RunRecord:
    """Read framed bytes back into a record.

    Parameters
    ----------
    data : bytes
        The whole object.
    key : bytes, optional
        What the frame must be about: the signature or run id that was looked up.

    Raises
    ------
    FormatError
        If a newer consist wrote it.
    DamagedError
        If it is not what it should be.
    """
    frame = decode_frame(data, Kind.RECORD, key)
    fields = unpack(frame.payload)
    if not isinstance(fields, list) or not fields or type(fields[0]) is not int:
        raise DamagedError("a record has no version")
    version = fields[0]
    if version > VERSION:
        raise FormatError(f"a record of version {version}; this consist reads up to {VERSION}", hint="upgrade consist")
    if len(fields) != _ITEMS.get(version):
        raise DamagedError(f"a record of version {version} has {len(fields)} items")
    try:
        record = _from_fields(*fields[1:], *(() if version else (RUN, {})))
        check_types(record)
    except (TypeError, ValueError, AttributeError) as error:
        raise DamagedError(f"a record does not have the fields of version {version}: {error}") from error
    if frame.key != record.frame_key:
        raise DamagedError(f"the record of run {record.id} lies under another key")
    return record


def _from_fields(  # noqa: PLR0913, PLR0917 - the schema, written once
    run_id: str,
    signature: bytes | None,
    step: str,
    status: str,
    started: int,
    ended: int,
    parts: dict[str, bytes],
    code: dict[str, bytes],
    config: Any,
    config_parts: dict[str, bytes],
    inputs: list[list[Any]],
    outputs: list[list[Any]],
    returns: str,
    parent: str,
    tags: list[str],
    description: str,
    facet: dict[str, Any],
    error: list[str],
    machine: dict[str, Any],
    notes: list[str],
    contract: list[Any],
    kind: str,
    meta: dict[str, Any],
) -> RunRecord:
    return RunRecord(
        id=run_id,
        signature=Digest(signature) if signature is not None else None,
        step=step,
        status=status,
        started=started,
        ended=ended,
        parts=_unpack_digests(parts),
        code=_unpack_digests(code),
        config=config,
        config_parts=_unpack_digests(config_parts),
        inputs=tuple(InputRecord(key, kind, Digest(raw), size, where) for key, kind, raw, size, where in _list(inputs)),
        outputs=tuple(
            ArtifactRecord(key, Digest(raw), size, name, inline, media)
            for key, raw, size, name, inline, media in _list(outputs)
        ),
        returns=returns,
        parent=parent,
        tags=tuple(_list(tags)),
        description=description,
        facet=facet,
        error=tuple(_list(error)),
        machine=machine,
        notes=tuple(_list(notes)),
        contract=_contract(*_list(contract)),
        kind=kind,
        meta=meta,
        asked=_taken_from(meta),
    )


def _taken_from(meta: dict[str, Any]) -> tuple[str, ...]:
    return tuple(_list(meta.pop(_ASKED))) if _ASKED in meta else ()


def _contract(outputs: list[str], paths: list[str], inputs: dict[str, str]) -> ContractRecord:
    return ContractRecord(tuple(_list(outputs)), tuple(_list(paths)), inputs)


def _pack_digests(digests: dict[str, Digest]) -> dict[str, bytes]:
    return {name: digest.raw for name, digest in digests.items()}


def _unpack_digests(digests: dict[str, bytes]) -> dict[str, Digest]:
    return {name: Digest(raw) for name, raw in digests.items()}


def _list(value: list[Any]) -> list[Any]:
    if type(value) is not list:
        raise TypeError("a list is no list")
    return value
