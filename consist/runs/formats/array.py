"""Arrays as ``.npy``, in the version that numpy itself would choose, without pickle in and out.

dtype (byte order, fields, units of time), shape and memory order (C or Fortran) come back as they were; of a view that
is neither, the values do, in C order. A memory-mapped array comes back in memory. What ``.npy`` would change on the way
(objects, masks, subclasses, dtypes of other packages) is refused.

An array is stored from its own memory, without a copy (one of a structure with gaps is copied, so that the gaps are
zeros), and read into its own memory, with 256 KiB beside it.
"""

from __future__ import annotations

import contextlib
import io
import itertools
import math
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from consist.errors import DamagedError, OutputError
from consist.runs.formats.needs import needed
from consist.runs.formats.streams import Pieces, Prepared

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import numpy as np
    from numpy.typing import NDArray

_MAX_HEADER = 1 << 16
"""Bytes of header: about 2,000 fields. numpy parses it as Python, which is not safe at any length."""

_PIECE = 16 << 20
"""Bytes that are copied at a time of an array that is not in one piece."""

_ALIGN = 64
"""The data begins at a multiple of this, so that the file can be mapped; part of numpy's format."""

_MAX_SHOWN = 200
"""Characters of a dtype in a record: it is for people, and that of a structure may be long."""


@contextlib.contextmanager
def prepare(value: Any) -> Iterator[Prepared]:
    """Make a stream of an array.

    Raises
    ------
    OutputError
        If it would not come back as it is.

    Examples
    --------
    >>> import numpy as np
    >>> with prepare(np.arange(3)) as prepared:
    ...     content = prepared.stream.read()
    >>> len(content) == prepared.size, np.load(io.BytesIO(content))
    (True, array([0, 1, 2]))
    """
    _refuse_others(value)
    media = {"shape": list(value.shape), "dtype": str(value.dtype)[:_MAX_SHOWN]}
    value = _without_gaps(value)
    header = _header(value)
    stream = Pieces(itertools.chain([header], _buffers(value)))
    yield Prepared(len(header) + value.nbytes, cast("BinaryIO", stream), media)


def read(stream: BinaryIO) -> NDArray[Any]:
    """Read an array back.

    Raises
    ------
    OutputError
        If numpy is not installed here.
    DamagedError
        If it is no ``.npy``, or one of objects.
    """
    np = needed("numpy", "an array", "numpy")
    try:
        array: NDArray[Any] = np.lib.format.read_array(stream, allow_pickle=False, max_header_size=_MAX_HEADER)
    except (ValueError, EOFError) as error:
        raise DamagedError(f"not an array that consist wrote: {error}") from error
    if stream.read(1):
        raise DamagedError("not an array that consist wrote: bytes follow it")
    return array


def _refuse_others(value: Any) -> None:
    import numpy as np

    name = type(value).__name__
    if isinstance(value, np.ma.MaskedArray):
        raise OutputError(
            "a masked array has no format", hint="return a dict with its data and its mask: np.asarray(a), a.mask"
        )
    if type(value) not in {np.ndarray, np.memmap}:
        raise OutputError(f"an array of the class {name} would come back as another", hint="return np.asarray(a)")
    dtype = value.dtype
    if dtype.hasobject:
        raise OutputError(
            f"an array of {dtype} holds Python objects", hint="give it a dtype, such as astype(str), or return a list"
        )
    if _has_metadata(dtype):
        raise OutputError(f"the metadata of the dtype {dtype} would be lost", hint="return a view without it")
    if not _comes_back(dtype):
        raise OutputError(f"an array of {dtype!r} would come back as another", hint="use a dtype of numpy's own")


def _has_metadata(dtype: np.dtype[Any]) -> bool:
    if dtype.subdtype is not None:
        return dtype.metadata is not None or _has_metadata(dtype.subdtype[0])
    fields: Mapping[str, Any] = dtype.fields or {}
    return dtype.metadata is not None or any(_has_metadata(field[0]) for field in fields.values())


def _comes_back(dtype: np.dtype[Any]) -> bool:
    import numpy as np

    try:
        back = np.lib.format.descr_to_dtype(np.lib.format.dtype_to_descr(dtype))
    except (ValueError, TypeError):  # fields that overlap or are out of order
        return False
    return back == dtype and back.type is dtype.type


def _header(value: NDArray[Any]) -> bytes:
    """Write numpy's header, in the first version of the format that can hold it."""
    from numpy.lib import format as npy

    fields: dict[str, Any] = npy.header_data_from_array_1_0(value)
    for write in (npy.write_array_header_1_0, npy.write_array_header_2_0, _write_header_3_0):
        sink = io.BytesIO()
        with contextlib.suppress(ValueError):  # too long for version 1, or names that are not of Latin-1 for 2
            write(sink, fields)
            break
    header = sink.getvalue()
    if len(header) > _MAX_HEADER:
        raise OutputError(
            f"a dtype with {len(value.dtype.names or ()):,} fields is too large", hint="return it as a table"
        )
    return header


def _write_header_3_0(sink: BinaryIO, fields: dict[str, Any]) -> None:
    """Write a header whose names are UTF-8; numpy reads it, and has no public function that writes it."""
    from numpy.lib import format as npy

    text = f"{{{''.join(f'{key!r}: {fields[key]!r}, ' for key in sorted(fields))}}}".encode()
    start = npy.magic(3, 0)
    padding = -(len(start) + 4 + len(text) + 1) % _ALIGN
    text += b" " * padding + b"\n"
    sink.write(start + len(text).to_bytes(4, "little") + text)


def _without_gaps(value: NDArray[Any]) -> NDArray[Any]:
    """Copy a structure with gaps onto zeros: what lies in its gaps is left-over memory, and would be stored."""
    if _filled(value.dtype) == value.itemsize:
        return value
    import numpy as np

    from consist.hashing.arrays import copy_fields

    clean = np.zeros_like(value, subok=False)
    copy_fields(value, clean)
    return clean


def _filled(dtype: np.dtype[Any]) -> int:
    """Count the bytes of an item that belong to a field."""
    if dtype.subdtype is not None:
        base, shape = dtype.subdtype
        return _filled(base) * math.prod(shape)
    if dtype.names is None or dtype.fields is None:
        return dtype.itemsize
    return sum(_filled(dtype.fields[name][0]) for name in dtype.names)


def _buffers(value: NDArray[Any]) -> Iterator[memoryview | bytes]:
    """Yield the bytes of an array in its own memory, or copied piece by piece if they are not in one."""
    import numpy as np

    if value.nbytes == 0:
        return
    if value.flags.c_contiguous or value.flags.f_contiguous:
        flat = value.reshape(-1, order="C" if value.flags.c_contiguous else "F")
        yield flat.view(np.uint8).data
        return
    each = max(1, _PIECE // value.itemsize)
    for piece in np.nditer(value, flags=["external_loop", "buffered"], buffersize=each, order="C"):
        yield np.asarray(piece).tobytes()
