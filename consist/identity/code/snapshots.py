"""Whether a value can change in place, and what tells later that it did: its content now, as bytes.

A value that cannot change (a number, a tuple of numbers, a function, which is watched as such) needs nothing. Most
others have cheaper guards (see `contents`) than a snapshot, which encodes a value as the walk would, with the
identities of the code that it refers to.
"""

from __future__ import annotations

import enum
import operator
import sys
import types
from typing import TYPE_CHECKING, Any, NamedTuple

from consist.errors import UnencodableError
from consist.identity.code import handlers
from consist.identity.code.atoms import is_atom
from consist.identity.code.instances import is_compiled
from consist.identity.code.owners import is_own
from consist.identity.code.values import ValueEncoder, order_plain

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from consist.identity.code.distributions import Distribution

_CODE = (types.FunctionType, types.ModuleType, type, enum.Enum)


def is_frozen(value: Any) -> bool:
    """Tell whether a value cannot change in place, apart from code, which is watched as such."""
    cls = type(value)
    if is_atom(cls) or issubclass(cls, _CODE) or cls in _FROZEN:
        return True
    if cls is types.BuiltinFunctionType:
        return (
            value.__self__ is None or is_compiled(value) or issubclass(type(value.__self__), (types.ModuleType, type))
        )
    if cls is staticmethod or cls is classmethod:
        return is_frozen(value.__func__)
    if cls is property:
        return all(map(is_frozen, (value.fget, value.fset, value.fdel)))
    if cls is tuple or cls is frozenset:
        return all(is_frozen(item) for item in value)
    if cls in _GETTERS:
        return is_frozen(value.__reduce__()[1])
    if cls is types.GenericAlias:
        return is_frozen(value.__args__) and is_frozen(value.__origin__)
    if is_own(value):
        return getattr(value, "counted", None) is None and is_frozen(getattr(value, "__wrapped__", None))
    return cls.__name__ in _FROZEN_NAMES or is_compiled(value) or handlers.is_token(cls)


_FROZEN = frozenset(
    {types.MethodDescriptorType, types.WrapperDescriptorType, types.GetSetDescriptorType, types.MemberDescriptorType}
    | {types.ClassMethodDescriptorType, object, type(NotImplemented), types.CodeType}
)
_GETTERS = frozenset({operator.itemgetter, operator.attrgetter})
_FROZEN_NAMES = frozenset({"ufunc", "_ArrayFunctionDispatcher"})


class Taken(NamedTuple):
    """A value's content, the identities of the code that it refers to, and those of the mutable objects in it.

    The last tell that something which two values share is no more the same thing in both.
    """

    content: tuple[bytes, tuple[int, ...]]
    objects: tuple[int, ...]


def _count_here() -> int:
    value = object()
    return sys.getrefcount(value)


_ONLY_HERE = _count_here()
"""What `sys.getrefcount` says of an object that one variable holds; it differs between versions of Python."""


def snapshot(value: Any) -> Taken:
    """Return what a value holds now."""
    sink = _Snapshot()
    try:
        encoded = ValueEncoder(sink, lenient=True).encode(value)
    except (UnencodableError, RecursionError) as error:
        return Taken((str(error).encode(), ()), ())
    return Taken((encoded, tuple(sink.nodes)), tuple(sink.lasting()))


class _Snapshot:
    """A sink that remembers identities instead of walking on."""

    def __init__(self) -> None:
        self.nodes: list[int] = []
        self._seen: dict[int, Any] = {}

    def node(self, value: Any) -> None:
        """Remember which function, class or module it is."""
        self.nodes.append(id(value))

    def seen(self, value: Any) -> bool:
        """Remember a mutable object, or which one it is."""
        if id(value) in self._seen:
            self.nodes.append(list(self._seen).index(id(value)))
            return True
        self._seen[id(value)] = value
        return False

    def lasting(self) -> Iterator[int]:
        """Yield the identities of the mutable objects that others hold as well, and were not made to be looked at.

        The outer ones come first, and let go of what they hold.
        """
        for identity in list(self._seen):
            value = self._seen.pop(identity)
            if sys.getrefcount(value) > _ONLY_HERE:
                yield identity

    def order(self, values: Iterable[Any]) -> list[Any]:
        """Sort by content, or by identity: a guard is of this process, and a false alarm costs no more than a walk."""
        return order_plain(values) or sorted(values, key=id)

    def distribution(self, distribution: Distribution) -> None:
        """Forget it: what is installed does not change in a process."""

    def notice(self, message: str) -> None:
        """Forget it."""

    def read_by_library(self, value: Any) -> None:
        """Forget it: the walk has a guard for annotations."""

    def asks_for(self, texts: Iterable[str]) -> None:
        """Forget them: the getter that asks has a guard."""

    def also(self, value: Any) -> None:
        """Forget it: the walk has a guard for it."""

    def intruders(self, value: Any) -> list[tuple[str, Any]]:
        """Look at nothing: the walk has a guard for the class itself."""
        del value
        return []
