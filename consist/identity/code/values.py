"""Values that code reaches, as bytes: plain data by content, code by reference, what is neither by its kind.

An `Encoder` of `consist.hashing.canonical` for data, with the rest that a global or an attribute can hold: functions,
classes and modules are references to nodes of the walk; instances of classes written in Python are their class and
their attributes; what belongs to the standard library or to an installed distribution is a name. No object's own
``__reduce__``, ``__getstate__``, ``__eq__``, ``__hash__`` or ``__repr__`` is asked, because they can answer anything.

An object without a stable encoding (an open file, a generator, a type of C without a known content) raises
`UnencodableError` with the path to it.
"""

from __future__ import annotations

import enum
import types
from typing import TYPE_CHECKING, Any

from consist.hashing.canonical import encode, text
from consist.identity.code import codevalues, handlers, libraryvalues
from consist.identity.code.atoms import is_atom
from consist.identity.code.distributions import Kind
from consist.identity.code.encoder import CodeEncoder
from consist.identity.code.instances import content_of, is_compiled, is_opaque, state_of
from consist.identity.code.owners import is_own, origin_of
from consist.identity.code.wrappers import without_copies

if TYPE_CHECKING:
    from collections.abc import Iterable

    from consist.identity.code.encoder import Sink

_INTERNAL: dict[str, frozenset[str]] = {
    "numpy": frozenset(),
    "pandas": frozenset(
        {"_mgr", "_attrs", "_flags", "_name", "_item_cache", "_cacher", "_is_copy"}
        | {"_cache", "_data", "_id", "_references"}
    ),
    "polars": frozenset({"_df", "_s", "_ldf"}),
    "pyarrow": frozenset(),
}
"""By library whose values are data: the attributes that it keeps that data and its caches in."""


class ValueEncoder(CodeEncoder):
    """Encodes what code reaches.

    Parameters
    ----------
    sink : Sink
        Where references to functions, classes, modules and distributions go.
    lenient : bool
        What has no stable encoding counts by its type: for the private state of a library's wrapper.
    ignored : frozenset of int
        The identities of objects whose value is left out.
    """

    def __init__(self, sink: Sink, *, lenient: bool = False, ignored: frozenset[int] = frozenset()) -> None:
        super().__init__(sink, lenient=lenient)
        self._ignored = ignored

    def encode(self, value: Any) -> bytes:
        """Return the encoding of a value.

        Raises
        ------
        UnencodableError
            If it has none, with the path to the culprit.
        """
        cls = type(value)
        if is_atom(cls):
            return super().encode(value)
        if id(value) in self._ignored:
            return b"@ignored"
        handler = handlers.EXACT.get(cls)
        return handler(self, value) if handler is not None else self._other(value, cls)

    def plain(self, value: Any) -> bytes:
        """Encode plain data, or a table or array, as a config would."""
        return super().encode(value)

    def _other(self, value: Any, cls: type) -> bytes:
        if is_own(value):
            return codevalues.own(self, value)
        if is_compiled(value):
            return libraryvalues.compiled(self, value)
        # By type, not by `isinstance`: an object can claim any class.
        if issubclass(cls, type):
            return codevalues.a_class(self, value)
        if issubclass(cls, enum.Enum):
            return b"@E" + self.encode(cls) + self.encode(value._name_) + self.encode(value._value_)
        if issubclass(cls, types.ModuleType):
            return codevalues.a_module(self, value)
        # Before the bases: a pandas timestamp is a datetime as well.
        library = library_base(cls)
        if library is not None:
            encoding = self._library_value(value, library)
            if encoding is not None:
                return encoding
        handler = handlers.by_base(cls)
        if handler is not None:
            return handler(self, value)
        return self.shared(value, lambda: self._instance(value))

    def _library_value(self, value: Any, base: type) -> bytes | None:
        """Encode an array or table; of a subclass, whoever wrote it, the class and its attributes as well."""
        handler = libraryvalues.library_handler(base)
        if handler is None:
            return None
        size = getattr(value, "nbytes", 0)
        if isinstance(size, int) and size >= handlers.LARGE:
            self.sink.notice(f"holds {size >> 20} MiB that are hashed at every call; pass it as an input instead")
        return self.shared(value, lambda: b"@L" + self._beside(value, base) + handler(self, value))

    def _beside(self, value: Any, base: type) -> bytes:
        """Encode what a subclass of a library's type adds: it may lead back to the value, which was met by then."""
        if type(value) is base:
            return b""
        internal = _INTERNAL[_root(base)]
        added = ((name, held) for name, held in state_of(value) if name not in internal)
        return self.encode(type(value)) + self.attributes(added)

    def _instance(self, value: Any) -> bytes:
        cls = type(value)
        if is_opaque(cls):
            return libraryvalues.wrapped_in_c(self, value) or self.opaque(value)
        content = content_of(value)
        attributes = without_copies(state_of(value))
        if origin_of(cls).kind is Kind.INSTALLED:
            # An object of scipy draws from numpy's own generator only if it is told to draw.
            attributes = [item for item in attributes if not libraryvalues.is_own_generator(item[1])]
            for _, attribute in attributes:
                self.sink.read_by_library(attribute)
        held = b"-" if content is None else b"+" + text(content[0].__name__) + self.encode(content[1])
        return b"@I" + self.encode(cls) + held + self.attributes(attributes)


def library_base(cls: type) -> type | None:
    """Return the base of a class that belongs to a library whose values are data."""
    return next((base for base in cls.__mro__ if _root(base) in _INTERNAL), None)


def _root(cls: type) -> str:
    return cls.__module__.partition(".")[0]


def order_plain(values: Iterable[Any]) -> list[Any] | None:
    """Sort plain values by their encoding; None if there is anything else among them.

    Examples
    --------
    >>> order_plain({"b", "a"}), order_plain({abs})
    (['a', 'b'], None)
    """
    found = list(values)
    return sorted(found, key=encode) if all(map(_is_plain, found)) else None


def _is_plain(value: Any) -> bool:
    cls = type(value)
    return is_atom(cls) or (cls in (tuple, frozenset) and all(map(_is_plain, value)))
