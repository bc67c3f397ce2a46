"""The canonical encoding of numpy's values: dtype, shape and bytes.

An array enters by the digest of its bytes in C order, not by the bytes, so that a large one is not copied. Views,
copies and other memory orders of the same values are one value; another dtype or byte order is another.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from consist.hashing.canonical import Encoder, blob, text, type_name
from consist.hashing.hasher import hash_bytes

if TYPE_CHECKING:
    from collections.abc import Callable


def handler_for(cls: type) -> Callable[[Encoder, Any], bytes] | None:
    """Return what encodes values of one of numpy's types, or None if the type has no stable encoding."""
    if issubclass(cls, np.ma.MaskedArray):
        return _masked
    if issubclass(cls, np.ndarray):
        return encode_array
    if issubclass(cls, np.dtype):
        return lambda _, value: b"z" + text(_dtype_name(value))
    if issubclass(cls, np.generic):
        return lambda encoder, value: b"g" + encode_array(encoder, np.asarray(value))
    return None


def encode_array(encoder: Encoder, array: Any) -> bytes:
    """Encode an array: type, dtype, shape, and its content's digest (or its items, for an array of objects).

    Examples
    --------
    >>> grid = np.arange(6).reshape(2, 3)
    >>> encode_array(Encoder(), grid.T) == encode_array(Encoder(), np.asfortranarray(grid.T))
    True
    """
    head = text(type_name(type(array))) + text(_dtype_name(array.dtype)) + encoder.encode(array.shape)
    if array.dtype.hasobject:
        return b"a" + head + encoder.items(b"l", np.asarray(array).ravel().tolist())
    return b"a" + head + blob(b"h", _content_digest(np.asarray(array)))


def _content_digest(array: np.ndarray[Any, Any]) -> bytes:
    if array.nbytes == 0:
        return hash_bytes(b"").raw
    if array.dtype.names is not None:
        array = _without_padding(array)
    return hash_bytes(np.ascontiguousarray(array).reshape(-1).view(np.uint8).data).raw


def _without_padding(array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Copy a structured array onto zeros, field by field: what lies between its fields is left-over memory."""
    clean = np.zeros(array.shape, array.dtype)
    copy_fields(array, clean)
    return clean


def copy_fields(source: np.ndarray[Any, Any], target: np.ndarray[Any, Any]) -> None:
    """Copy a structured array field by field, and nothing of what lies between the fields."""
    if source.dtype.names is None:
        target[...] = source
        return
    for name in source.dtype.names:
        copy_fields(source[name], target[name])


def _masked(encoder: Encoder, array: Any) -> bytes:
    """Encode a masked array with what lies under its mask: `np.asarray`, and so most of scipy, reads that."""
    parts = (array.data, np.ma.getmaskarray(array), _fill_value(array))
    encoded = b"".join(encode_array(encoder, part) for part in parts)
    return b"A" + text(type_name(type(array))) + encoded + encoder.encode(bool(array.hardmask))


def _fill_value(array: Any) -> np.ndarray[Any, Any]:
    """Read what masked places are filled with; the public attribute writes the default into the user's array."""
    own = array._fill_value  # noqa: SLF001 - see above
    if own is None:  # asked of an array of our own: `default_fill_value` does not fit into eight bits
        own = np.asarray(np.ma.masked_array(np.zeros(1, array.dtype)).fill_value)
    return np.asarray(own, dtype=array.dtype)


def _dtype_name(dtype: np.dtype[Any]) -> str:
    """Describe a dtype wholly: `dtype.str` alone hides fields, sub-arrays and types of other packages."""
    if dtype.subdtype is not None:
        base, shape = dtype.subdtype
        return f"({_dtype_name(base)}){shape}"
    if dtype.names is not None:
        fields = [(name, *map(_field_part, dtype.fields[name])) for name in dtype.names] if dtype.fields else []
        return f"{dtype.type.__name__}[{dtype.itemsize}]{fields}"
    return f"{dtype.str} {dtype.type.__name__}"


def _field_part(part: Any) -> Any:
    return _dtype_name(part) if isinstance(part, np.dtype) else part
