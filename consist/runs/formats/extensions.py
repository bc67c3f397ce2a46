"""Formats that others add: `register_format` in a program, the entry point group ``consist.formats`` in a package.

They come after the built-in ones, and are looked at only when those cannot hold a value, or a record names a format
that is not built in: an installed package with a format costs nothing until then.
"""

from __future__ import annotations

import contextlib
import tempfile
import warnings
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, BinaryIO, Protocol, cast, runtime_checkable

from consist.arguments import an, shown
from consist.errors import ConsistWarning, OutputError, UsageError
from consist.identity.names import check_name, is_name
from consist.runs.formats.streams import Prepared

if TYPE_CHECKING:
    from collections.abc import Iterator
    from importlib.metadata import EntryPoint

GROUP = "consist.formats"
_IN_MEMORY = 64 << 20
BUILT_IN = frozenset({"plain", "bytes", "npy", "parquet", "png", "pickle", "file", "tree"})


@runtime_checkable
class ValueFormat(Protocol):
    """How values of some types become bytes and come back.

    Attributes
    ----------
    name : str
        What a record calls it, for ever; an entry point has the same name.
    suffix : str
        Of files with such content: ``.geojson``.
    """

    name: str
    suffix: str

    def matches(self, value: Any) -> bool:
        """Tell whether this format can hold a value; nothing is to be imported for the question."""

    def write(self, value: Any, stream: BinaryIO) -> None:
        """Write a value. The same value should give the same bytes: no date, no order of a set."""

    def read(self, stream: BinaryIO) -> Any:
        """Return the value that was written; the stream is seekable."""


@dataclass(frozen=True, slots=True)
class Extension:
    """A format that was added, as the built-in ones are used."""

    given: ValueFormat

    @property
    def name(self) -> str:
        """What a record calls it."""
        return self.given.name

    @property
    def suffix(self) -> str:
        """Of files with such content."""
        return self.given.suffix

    @contextlib.contextmanager
    def prepare(self, value: Any) -> Iterator[Prepared]:
        """Make a stream of a value; large ones go through a temporary file.

        Raises
        ------
        OutputError
            If the format cannot write it. Whatever it raises: the function has done its work by now.
        """
        # A format of others may seek, which `Spool` cannot; the file has no name, and goes with the block.
        with tempfile.SpooledTemporaryFile(_IN_MEMORY) as file:
            stream = cast("BinaryIO", file)
            try:
                self.given.write(value, stream)
            except OutputError:
                raise
            except Exception as error:
                message = f"the format {self.name!r} cannot write {an(type(value).__qualname__)}"
                raise OutputError(f"{message}: {type(error).__name__}: {error}") from error
            size = stream.seek(0, 2)
            stream.seek(0)
            yield Prepared(size, stream, {})

    def read(self, stream: BinaryIO) -> Any:
        """Read a value back; what the format raises passes through."""
        return self.given.read(stream)


_registered: dict[str, Extension] = {}


def register_format(given: ValueFormat) -> None:
    """Add a format for values that have none, in this process; one of the same name takes the place of the other.

    Parameters
    ----------
    given : ValueFormat
        An object with `name`, `suffix`, `matches`, `write` and `read`.

    Raises
    ------
    UsageError
        If it lacks one of these, or its name is taken by a built-in format.

    Examples
    --------
    >>> class Wkt:
    ...     name, suffix = "wkt", ".wkt"
    ...
    ...     def matches(self, value):
    ...         return type(value).__name__ == "Geometry"
    ...
    ...     def write(self, value, stream):
    ...         stream.write(value.wkt.encode())
    ...
    ...     def read(self, stream):
    ...         return Geometry(stream.read().decode())
    >>> register_format(Wkt())
    """
    checked = _checked(given)
    _registered[checked.name] = checked


def extensions_for(value: Any) -> Iterator[Extension]:
    """Yield the added formats that can hold a value: registered ones, the newest first, then installed ones."""
    for found in reversed(list(_registered.values())):
        if found.given.matches(value):
            yield found
    for entry in _entry_points():
        installed = None if entry.name in _registered else _installed(entry)
        if installed is not None and installed.given.matches(value):
            yield installed


def any_extension() -> bool:
    """Tell whether there are added formats; which values they hold is not known before there is one."""
    return bool(_registered) or bool(_entry_points())


def extension_named(name: str) -> Extension | None:
    """Return the added format that a record names, or None; of installed ones only that one is loaded."""
    if name in _registered:
        return _registered[name]
    return next((_installed(entry) for entry in _entry_points() if entry.name == name), None)


@lru_cache(maxsize=1)
def _entry_points() -> tuple[EntryPoint, ...]:
    from importlib.metadata import entry_points

    return tuple(entry_points(group=GROUP))


@lru_cache(maxsize=256)
def _installed(entry: EntryPoint) -> Extension | None:
    """Load a format that a package has; one that cannot be used is warned of, once, and left out."""
    try:
        given = entry.load()
        found = _checked(given() if isinstance(given, type) else given, name=entry.name)
    except (ImportError, AttributeError, TypeError, UsageError) as error:
        warnings.warn(
            f"the format {entry.name!r} ({entry.value}) cannot be used: {error}", ConsistWarning, stacklevel=4
        )
        return None
    return found


def _checked(given: Any, *, name: str | None = None) -> Extension:
    """Check what is said to be a format; it comes from a caller or a package, so its types are not known."""
    if not isinstance(given, ValueFormat):
        lacking = [name for name in ("name", "suffix", "matches", "write", "read") if not hasattr(given, name)]
        raise UsageError(f"{shown(given)} is no format: it lacks {', '.join(lacking)}")
    check_name("format", given.name)
    if name not in {None, given.name}:
        raise UsageError(f"it calls itself {given.name!r:.60}")
    if given.name in BUILT_IN:
        raise UsageError(f"the format {given.name!r} is built in", hint="choose another name")
    suffix: Any = given.suffix
    if not isinstance(suffix, str) or not (suffix == "" or (suffix.startswith(".") and is_name(suffix))):
        raise UsageError(f"the suffix of the format {given.name!r} is {suffix!r:.60}", hint='such as ".geojson"')
    return Extension(given)
