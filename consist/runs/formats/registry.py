"""Which format a value takes, and which one a record names.

Plain values are bytes in memory. Arrays, tables and figures are streams, and their modules are imported when the first
of them comes: a value is told by the module of its type, so nobody pays for a library that is not used. Formats that
others add (``extensions.py``) come after these, and pickle comes last, if at all.
"""

from __future__ import annotations

import importlib
import sys
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple, TypeAlias

from consist.arguments import an
from consist.errors import ConsistError, OutputError
from consist.runs.formats import plain

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from consist.index.records import ArtifactRecord
    from consist.runs.formats.extensions import Extension
    from consist.runs.formats.streams import Prepared

FILE = "file"
"""The format of an output that was a `pathlib.Path`: its bytes are the file's own, its value is a path."""


class Format(NamedTuple):
    """How values of some types become bytes and come back.

    Attributes
    ----------
    name : str
        What a record calls it.
    encode : callable
        Value to bytes; raises `OutputError` for what it cannot hold.
    decode : callable
        Bytes to value; raises `DamagedError` for bytes that it did not make.
    suffix : str
        Of files with such content, so that other programs know it.
    """

    name: str
    encode: Callable[[Any], bytes]
    decode: Callable[[bytes], Any]
    suffix: str


class StreamFormat(NamedTuple):
    """How large values become a stream of bytes and come back.

    Attributes
    ----------
    name : str
        What a record calls it.
    module : str
        Has `prepare` (value to a context with a `Prepared` stream; raises `OutputError` for what it cannot hold) and
        `read` (binary file to value; raises `DamagedError` for bytes that it did not make).
    suffix : str
        Of files with such content.
    """

    name: str
    module: str
    suffix: str

    @property
    def prepare(self) -> Callable[[Any], AbstractContextManager[Prepared]]:
        """Make a stream of a value."""
        return importlib.import_module(self.module).prepare  # type: ignore[no-any-return]

    @property
    def read(self) -> Callable[[BinaryIO], Any]:
        """Read a value from a stream to its end."""
        return importlib.import_module(self.module).read  # type: ignore[no-any-return]


AnyFormat: TypeAlias = "Format | StreamFormat | Extension"

PLAIN = Format("plain", plain.encode, plain.decode, ".msgpack")
BYTES = Format("bytes", bytes, bytes, ".bin")
NPY = StreamFormat("npy", "consist.runs.formats.array", ".npy")
PARQUET = StreamFormat("parquet", "consist.runs.formats.table", ".parquet")
PNG = StreamFormat("png", "consist.runs.formats.figure", ".png")
PICKLE = "pickle"

_FORMATS: dict[str, Format | StreamFormat] = {known.name: known for known in (PLAIN, BYTES, NPY, PARQUET, PNG)}

SHOWN = {known.name: known for known in (PLAIN, BYTES)}
"""Formats whose small values a printed artifact shows."""

IMAGES = {"png": "image/png"}
"""Formats of images, with the type that a browser knows them by."""

_TABLES = frozenset({"pandas", "polars", "pyarrow"})
_KNOWN = _TABLES | {"builtins", "numpy", "matplotlib", "pathlib", "datetime", "decimal", "fractions", "uuid", "consist"}
"""Modules and packages whose classes have formats, or are refused by name with what to do instead."""


def formats_for(value: Any, *, allow_pickle: bool = False) -> Iterator[AnyFormat]:
    """Yield the formats that may hold a value, the best first; the next one is for when it refuses.

    Parameters
    ----------
    value : object
        What is to be stored.
    allow_pickle : bool
        Whether the last of them is pickle.

    Raises
    ------
    OutputError
        If the built-in ones know that it would come back as another type, and no added one claims it: after all.

    Examples
    --------
    >>> import numpy
    >>> [next(formats_for(value)).name for value in ({"a": 1}, numpy.ones(3), numpy.float64(1), b"x")]
    ['plain', 'npy', 'plain', 'bytes']
    """
    refusal, claimed = None, False
    try:
        built_in = format_for(value)
    except OutputError as error:
        refusal = error
    else:
        yield built_in
    from consist.runs.formats.extensions import extensions_for

    for added in extensions_for(value):
        claimed = True
        yield added
    if allow_pickle:
        yield _pickle()
    if refusal is not None and not claimed:
        raise refusal


def format_for(value: Any) -> Format | StreamFormat:
    """Return the built-in format that a value is stored in.

    Raises
    ------
    OutputError
        If it would come back as another type.

    Examples
    --------
    >>> import numpy
    >>> format_for({"a": 1}).name, format_for(numpy.ones(3)).name, format_for(numpy.float64(1)).name
    ('plain', 'npy', 'plain')
    """
    cls = type(value)
    if cls is bytes:
        return BYTES
    if cls in {bytearray, memoryview}:
        raise OutputError(f"{an(cls.__name__)} would come back as bytes", hint="return bytes(value)")
    library = cls.__module__.partition(".")[0]
    if library in _TABLES:
        from consist.runs.formats.pandas_times import KINDS

        return PLAIN if library == "pandas" and cls.__name__ in KINDS else PARQUET
    if library == "numpy" and isinstance(value, sys.modules["numpy"].ndarray):
        return NPY
    return PNG if library == "matplotlib" or _is_image(value) else PLAIN


def may_have_format(cls: type) -> bool:
    """Tell whether a value of a class may have a format; False only if it is certain that none has."""
    from consist.runs.formats.extensions import any_extension
    from consist.runs.formats.objects import is_taken

    known = any(base.__module__.partition(".")[0] in _KNOWN for base in cls.__mro__ if base is not object)
    # What is made by a metaclass or a `__new__` of its own may be of any class.
    makes = any("__new__" in vars(base) for base in cls.__mro__ if base is not object)
    return known or makes or type(cls) is not type or cls is object or is_taken(cls) or any_extension()


def _is_image(value: Any) -> bool:
    """Tell whether a value is a figure of a class of its own, or an image that came back."""
    kinds = (("matplotlib.figure", "Figure"), ("consist.runs.formats.figure", "Png"))
    return any(module in sys.modules and isinstance(value, getattr(sys.modules[module], cls)) for module, cls in kinds)


def format_named(name: str, *, allow_pickle: bool = False) -> AnyFormat:
    """Return the format that a record names.

    Parameters
    ----------
    name : str
        The name.
    allow_pickle : bool
        Whether a pickle may be read.

    Raises
    ------
    OutputError
        If it is not known here (a newer consist, or another program's extension, wrote it), or a pickle.
    """
    if name in _FORMATS:
        return _FORMATS[name]
    if name == PICKLE:
        if allow_pickle:
            return _pickle()
        raise OutputError(
            "it is a pickle, and to read one is to run what it says",
            hint="if you trust whoever can write to the store: Tracker(allow_pickle=True)",
        )
    from consist.runs.formats.extensions import extension_named

    found = extension_named(name)
    if found is not None:
        return found
    raise OutputError(
        f"the format {name!r:.60} is not known here",
        hint="register it (consist.register_format), upgrade consist, or read the bytes with read_bytes()",
    )


def plain_in(item: ArtifactRecord) -> tuple[Any] | None:
    """Return the plain value that an output is, by itself in a tuple, if it lies in its record and can be read here."""
    if item.inline is None or item.format != PLAIN.name:
        return None
    try:
        return (PLAIN.decode(item.inline),)
    except (ConsistError, ImportError):  # by another writer: what it is, or needs, is for who loads it to say
        return None


def suffix_of(name: str) -> str:
    """Return the suffix of files with content of a format; ``""`` if it is not known here."""
    try:
        return format_named(name, allow_pickle=True).suffix
    except OutputError:
        return ""


def _pickle() -> Format:
    from consist.runs.formats import pickled

    return Format(PICKLE, pickled.encode, pickled.decode, ".pickle")


def described(name: str, media: dict[str, Any]) -> str:
    """Say what an output is: its format, and the shape of an array, table or image.

    Parameters
    ----------
    name : str
        The format.
    media : dict
        Its details; of another consist they may be others, and are left out then.

    Examples
    --------
    >>> described("parquet", {"library": "pandas", "kind": "DataFrame", "rows": 1000, "columns": 10})
    'pandas table, 1,000 x 10'
    >>> described("npy", {"shape": [3, 4], "dtype": "float64"}), described("plain", {})
    ('float64 array, 3 x 4', 'plain')
    """
    if name == PARQUET.name and {"library", "rows", "columns"} <= media.keys():
        return f"{media['library']} table, {_sides([media['rows'], media['columns']])}"
    if name == NPY.name and {"shape", "dtype"} <= media.keys():
        return f"{media['dtype']} array, {_sides(media['shape']) or 'of no dimension'}"
    if name in IMAGES and {"width", "height"} <= media.keys():
        return f"{name} image, {_sides([media['width'], media['height']])}"
    return name


def _sides(shape: Any) -> str:
    return " x ".join(f"{side:,}" for side in shape)
