"""Guards of values that can change in place: what tells later, for a fraction of a microsecond each, that one did.

A value is taken apart as the walk would: a container into its items, an instance into its attributes. What can change
is kept in lists by the way in which it is looked at again, so that a hit checks each list in one go:

- large *flat* containers, whose items are plain, all by one `marshal.dumps`;
- other containers by the identity of their items, each of which has a guard of its own if it can change;
- instances of ordinary classes by the identities of their class and of their attributes' dict, which is a container;
- small arrays by dtype, shape and a copy of their bytes;
- anything else by a `snapshot`, which encodes it as the walk would and takes fifty times as long.

That the items are the same objects also tells that no two of them have become one, which the walk would see.
"""

from __future__ import annotations

import collections
import datetime as dt
import functools
import marshal
import operator
import sys
import types
from typing import TYPE_CHECKING, Any

from consist.identity.code import handlers
from consist.identity.code.instances import CONTENT, HEAP_TYPE, caches_of, class_attribute, is_opaque, is_slot, state_of
from consist.identity.code.owners import is_own
from consist.identity.code.snapshots import is_frozen, snapshot
from consist.identity.code.values import library_base

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from consist.identity.code.snapshots import Taken

    Taker = Callable[["Contents", Any], Iterable[Any]]

_FLAT_ITEMS = frozenset({type(None), bool, int, float, complex, str})
_FEW = 16
"""Items up to which their identities are compared, which is quicker; beyond, an equal number put anew costs no walk."""
_SMALL = 64 << 10
"""Bytes up to which an array is copied; a larger one is hashed anew, since the copy would be kept."""
_WITHOUT_POINTERS = frozenset("biufcSUmM")
"""Kinds of dtypes whose bytes are the whole content."""
_IMMUTABLE_BASES = {None, tuple, bool, int, float, complex, str, bytes, types.SimpleNamespace, dt.tzinfo}
"""What an ordinary class may be derived from; the last two hold nothing beside attributes."""
_GETTERS_OF_DICT = (types.GetSetDescriptorType, types.MemberDescriptorType)

dict_of = operator.attrgetter("__dict__")
dtype_of = operator.attrgetter("dtype")
shape_of = operator.attrgetter("shape")


class Contents:
    """What the values that a walk looked at held; parallel lists, which `memo.hold` compares with what they hold now.

    Examples
    --------
    >>> contents, scale = Contents(), {"a": [1, 2], "b": 0}
    >>> contents.take(scale)
    >>> contents.items, contents.flat
    (['a', 'b', [1, 2], 0, 1, 2], [])
    """

    def __init__(self) -> None:
        self.flat: list[Any] = []
        self.dumps: list[bytes] = []
        """Version 2 of marshal's format shows types, order and every bit, and not which parts are shared."""
        self.dumped = b""
        """The same of all in `flat` as one list."""
        self.containers: list[Any] = []
        """Lists, the keys of dicts, and views of their values."""
        self.sizes: list[int] = []
        self.items: list[Any] = []
        """Of all containers, one after the other."""
        self.instances: list[Any] = []
        self.classes: list[type] = []
        self.holders: list[Any] = []
        """Those instances that have a `__dict__`."""
        self.dicts: list[dict[str, Any]] = []
        self.attributes: list[tuple[Callable[[Any], Any], Any, Any]] = []
        """Slots and the like: how to get one, of what, and what it was."""
        self.arrays: list[Any] = []
        self.dtypes: list[Any] = []
        self.shapes: list[tuple[int, ...]] = []
        self.copies: list[bytes] = []
        self.snapshots: list[tuple[Any, Taken]] = []
        self._known: dict[int, Any] = {}
        self._takers: dict[type, Taker] = {}

    def take(self, value: Any) -> None:
        """Take down what a value, and everything in it, holds now."""
        waiting = [value]
        while waiting:
            found = waiting.pop()
            cls = type(found)
            if cls in _FLAT_ITEMS or id(found) in self._known or is_frozen(found):
                continue
            self._known[id(found)] = found
            if cls not in self._takers:
                self._takers[cls] = _taker_of(cls)
            waiting += self._takers[cls](self, found)

    def finish(self) -> None:
        """Put together what is compared as one, when the walk is over."""
        self.dumped = b"[" + len(self.dumps).to_bytes(4, "little") + b"".join(self.dumps)
        self.dumps.clear()


def _taker_of(cls: type) -> Taker:
    """Choose how values of a type are taken down; each taker returns what is in the value."""
    if cls in _TAKERS:
        return _TAKERS[cls]
    if cls.__module__ == "numpy" and cls is getattr(sys.modules.get("numpy"), "ndarray", None):
        return _array
    if _is_number_of_numpy(cls):
        return lambda _, __: ()
    return _instance if _is_ordinary(cls) else _other


def _other(contents: Contents, value: Any) -> Iterable[Any]:
    contents.snapshots.append((value, snapshot(value)))
    return ()


def _flat(contents: Contents, value: Any) -> Iterable[Any]:
    contents.dumps.append(marshal.dumps(value, 2))
    contents.flat.append(value)
    return ()


def _sequence(contents: Contents, value: Any) -> Iterable[Any]:
    items = tuple(value)
    contents.containers.append(value)
    contents.sizes.append(len(items))
    contents.items += items
    return items


def _list(contents: Contents, value: list[Any]) -> Iterable[Any]:
    return (_flat if len(value) > _FEW and _all_flat(value) else _sequence)(contents, value)


def _set(contents: Contents, value: set[Any]) -> Iterable[Any]:
    return (_flat if _all_flat(value) else _sequence)(contents, value)


def _mapping(contents: Contents, value: Any) -> Iterable[Any]:
    return (*_sequence(contents, value), *_sequence(contents, value.values()))


def _dict(contents: Contents, value: dict[Any, Any]) -> Iterable[Any]:
    is_flat = len(value) > _FEW and _all_flat(value) and _all_flat(value.values())
    return (_flat if is_flat else _mapping)(contents, value)


def _default_mapping(contents: Contents, value: Any) -> Iterable[Any]:
    return (*_attributes(contents, value, [operator.attrgetter("default_factory")]), *_mapping(contents, value))


def _partial(contents: Contents, value: Any) -> Iterable[Any]:
    return _attributes(contents, value, map(operator.attrgetter, ("func", "args", "keywords", "__dict__")))


def _cached(contents: Contents, value: Any) -> Iterable[Any]:
    return _attributes(contents, value, [dict_of])  # `__wrapped__` is in there


def _attributes(contents: Contents, value: Any, getters: Iterable[Callable[[Any], Any]]) -> list[Any]:
    taken = [(get, value, get(value)) for get in getters]
    contents.attributes += taken
    return [found for _, _, found in taken]


def _array(contents: Contents, value: Any) -> Iterable[Any]:
    if value.nbytes > _SMALL or value.dtype.kind not in _WITHOUT_POINTERS:
        return _other(contents, value)
    contents.arrays.append(value)
    contents.dtypes.append(value.dtype)
    contents.shapes.append(value.shape)
    contents.copies.append(value.tobytes())
    return ()


def _instance(contents: Contents, value: Any) -> Iterable[Any]:
    """Take down an instance: its class, slots and dict, and what an immutable base holds."""
    cls = type(value)
    try:
        inside = _attributes(contents, value, [slot.__get__ for slot in _slots(cls)])
    except AttributeError:  # a slot that was never set
        return _other(contents, value)
    contents.instances.append(value)
    contents.classes.append(cls)
    if issubclass(cls, tuple):
        inside += tuple.__iter__(value)
    if not cls.__dictoffset__:
        return inside
    attributes = dict_of(value)
    contents.holders.append(value)
    contents.dicts.append(attributes)
    state = dict(state_of(value))
    if attributes.keys() <= state.keys():
        return [*inside, attributes]
    # What a cached property left there does not count, and may be large.
    _mapping(contents, attributes)
    return [*inside, *state.values()]


_TAKERS: dict[type, Taker] = {
    list: _list,
    collections.deque: _sequence,
    tuple: lambda _, value: value,
    frozenset: lambda _, value: value,
    set: _set,
    bytearray: _flat,
    dict: _dict,
    collections.OrderedDict: _mapping,
    collections.Counter: _mapping,
    collections.defaultdict: _default_mapping,
    functools.partial: _partial,
    type(functools.lru_cache(abs)): _cached,
    types.SimpleNamespace: _instance,
}


def _all_flat(values: Iterable[Any]) -> bool:
    return _FLAT_ITEMS.issuperset(map(type, values))


def _is_number_of_numpy(cls: type) -> bool:
    """Tell whether it is a type of numpy's own whose values cannot change, which a structured one can."""
    if cls.__module__ != "numpy" or cls.__flags__ & HEAP_TYPE:
        return False
    numpy = sys.modules["numpy"]
    return issubclass(cls, numpy.generic) and not issubclass(cls, (numpy.void, numpy.object_))


def _is_ordinary(cls: type) -> bool:
    """Tell whether the walk sees an instance as its class, attributes and slots, and looking at these runs no code."""
    if cls in handlers.EXACT or is_own(cls) or library_base(cls) is not None or handlers.by_base(cls) is not None:
        return False
    content = next((base for base in CONTENT if issubclass(cls, base)), None)
    if is_opaque(cls) or content not in _IMMUTABLE_BASES:
        return False
    return _is_of_c(cls, "__getattribute__") and (
        not cls.__dictoffset__ or type(class_attribute(cls, "__dict__")) in _GETTERS_OF_DICT
    )


def _is_of_c(cls: type, name: str) -> bool:
    return type(class_attribute(cls, name)) is types.WrapperDescriptorType


def _slots(cls: type) -> list[Any]:
    members = (member for base in cls.__mro__ if base not in CONTENT for member in vars(base).values())
    caches = caches_of(cls)
    return [member for member in members if is_slot(member) and member.__name__ not in caches]
