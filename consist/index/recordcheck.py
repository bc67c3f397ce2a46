"""What a record must be: small enough to be read back, and, whoever wrote it, of the types that others rely on."""

from __future__ import annotations

import dataclasses
import re
from typing import Any

from consist.errors import DamagedError, UnsupportedError
from consist.hashing import codec

_MAX_TIME = 1 << 63
_RUN_ID = re.compile(r"[0-9a-f]{20}\Z")


def packed(record: Any, fields: list[Any]) -> bytes:
    """Encode the fields of a `RunRecord`, if the encoding can be read back: else it could be published, and hit nobody.

    Parameters
    ----------
    record : RunRecord
        Whose they are, for the message.
    fields : list
        As the schema has them: the version, then what the record has, in its order.

    Raises
    ------
    UsageError
        If something in them is no plain data.
    UnsupportedError
        If they are too large.
    """
    payload = codec.pack(fields)
    if len(payload) > min(codec.MAX_ITEMS, codec.MAX_BYTES):  # else it has neither too many bytes nor too many items
        try:
            codec.unpack(payload)
        except DamagedError as error:
            raise _too_large(record, fields[1:], len(payload)) from error
    return payload


def _too_large(record: Any, fields: list[Any], size: int) -> UnsupportedError:
    """Return the error about a record that nobody could read, with the name of what is largest in it."""
    names = [field.name for field in dataclasses.fields(record)]
    most, name = max((len(codec.pack(value)), name) for name, value in zip(names, fields, strict=False))
    hint = "large data belongs into an input or an output, of which a record has the digest alone"
    if name in {"inputs", "outputs"}:
        hint = "put them into a folder, or into one value: a record has a line for each"
    return UnsupportedError(
        f"the record of run {record.id} of {record.step!r} is too large to be read back: {size:,} bytes, "
        f"{most:,} of them its {name}",
        hint=hint,
    )


def check_types(record: Any) -> None:
    """Refuse a `RunRecord` that is whole but not what a writer of its version makes.

    Parameters
    ----------
    record : RunRecord
        Made of what was read; here its annotations are not believed.

    Raises
    ------
    TypeError, ValueError
        What is wrong, in words.
    """
    texts = (record.step, record.status, record.returns, record.parent, record.description, record.kind)
    if not all(type(text) is str for text in texts + record.tags + record.error + record.notes):
        raise TypeError("a text is no text")
    if type(record.id) is not str or not _RUN_ID.match(record.id):
        raise ValueError("the run id is not 20 hexadecimal digits")
    if not all(type(at) is int and abs(at) < _MAX_TIME for at in (record.started, record.ended)):
        raise TypeError("a time is no integer of 63 bits")
    if not all(type(label) is str for label in (*record.parts, *record.code, *record.config_parts)):
        raise TypeError("what a digest is of is no text")
    if not all(type(item) is dict for item in (record.facet, record.machine, record.meta)):
        raise TypeError("facet, machine or meta is no map")
    if not all(type(run_id) is str and _RUN_ID.match(run_id) for run_id in record.asked):
        raise ValueError("the id of a run that was asked for is not 20 hexadecimal digits")
    _check_contract(record.contract)
    for given in record.inputs:
        _check_item((given.key, given.kind, given.location), given.size)
    for output in record.outputs:
        _check_item((output.key, output.format), output.size)
        if type(output.media) is not dict or (output.inline is not None and type(output.inline) is not bytes):
            raise TypeError("media or inline content of an output is of another type")


def _check_contract(contract: Any) -> None:
    if type(contract.inputs) is not dict:
        raise TypeError("how inputs were handed over is no map")
    named = (*contract.outputs, *contract.paths, *contract.inputs, *contract.inputs.values())
    if not all(type(text) is str for text in named):
        raise TypeError("a name in the contract is no text")


def _check_item(texts: tuple[str, ...], size: int) -> None:
    if not all(type(text) is str for text in texts) or type(size) is not int or size < 0:
        raise TypeError("an input or output has fields of other types")
