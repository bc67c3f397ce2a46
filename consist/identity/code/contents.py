"""Guards of values that can change in place: what tells later, for a fraction of a microsecond each, that one did.

A value is taken apart as the walk would: a container into its items, an instance into its attributes. What can change
is kept in lists by the way in which it is looked at again, so that a hit checks each list in one go:

- large *flat* containers, whose items are plain, all by one `marshal.dumps`;
- other containers and instances of ordinary classes by the identity of all that they hold, as `gc.get_referents` lists
  it: items, values, slots, the class and the attributes' dict. Each of those has a guard of its own if it can change;
- what the collector does not show, such as the keys of a dict and the order of an ordered one, by iterating over it;
- small arrays by dtype, shape and a copy of their bytes, and tables of pandas by the arrays in them (see `frames`);
- anything else by a `snapshot`, which encodes it as the walk would and takes fifty times as long.

That the items are the same objects also tells that no two of them have become one, which the walk would see.

The collector must be shown everything that an object refers to, or it would free what is in use; it lists that in C,
at 5 ns an item where an iterator takes 25 and more. What it lists of a value is compared with what is known to be in
it when it is taken down, and where anything is missing, as in a dict whose values lie in its instance since Python
3.13, iterators are used.
"""

from __future__ import annotations

import collections
import datetime as dt
import functools
import gc
import marshal
import operator
import sys
import types
from typing import TYPE_CHECKING, Any

from consist.identity.code import frames, handlers
from consist.identity.code.instances import CONTENT, HEAP_TYPE, caches_of, class_attribute, is_opaque, is_slot, state_of
from consist.identity.code.owners import is_own
from consist.identity.code.snapshots import is_frozen, snapshot
from consist.identity.code.values import library_base

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable

    from consist.identity.code.snapshots import Taken

    Taker = Callable[["Contents", Any], Iterable[Any]]

_FLAT_ITEMS = frozenset({type(None), bool, int, float, complex, str})
_BY_VALUE = _FLAT_ITEMS | {types.FunctionType}
_UNLIKE = _BY_VALUE | {list, dict, tuple, set}
"""Types none of whose values is equal to one of another of them, apart from numbers."""
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
    >>> contents.referents, contents.copies
    ([[1, 2], 0, 2, 1], [{'a': [1, 2], 'b': 0}])
    """

    def __init__(self) -> None:
        self.flat: list[Any] = []
        self.dumps: list[bytes] = []
        """Version 2 of marshal's format shows types, order and every bit, and not which parts are shared."""
        self.dumped = b""
        """The same of all in `flat` as one list."""
        self.holders: list[Any] = []
        """What the collector shows all of, apart from the keys of dicts."""
        self.referents: list[Any] = []
        """Of all holders, one after the other. How many a holder has is fixed, or in `sizes`."""
        self.containers: list[Any] = []
        """What is iterated over: dicts, for their keys, views of the values of some, and sets."""
        self.items: list[Any] = []
        """Of all containers, one after the other."""
        self.keyed: list[dict[str, Any]] = []
        """Holders whose keys are text, and no two of whose values are equal (or, of attributes, only if they are one).
        While the values are the same objects in the same order, such a dict is equal to its copy only if its keys are
        in the same order, too. That is quicker to ask than to iterate over them."""
        self.copies: list[dict[str, Any]] = []
        self.sized: list[Any] = []
        """Holders and containers whose number of items can change."""
        self.sizes: list[int] = []
        self.attributes: list[tuple[Callable[[Any], Any], Any, Any]] = []
        """How to get one, of what, and what it was."""
        self.arrays: list[Any] = []
        self.dtypes: list[Any] = []
        self.shapes: list[tuple[int, ...]] = []
        self.array_bytes: list[bytes] = []
        self.buffers: list[memoryview] = []
        """What Arrow's arrays lie in."""
        self.buffer_bytes: list[bytes] = []
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

    def take_namespace(self, namespace: Any) -> None:
        """Take down the names in a dict or a class, and which objects they stand for; what is in those, not."""
        _mapping(self, namespace)

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
    if _is_fixed_of_numpy(cls):
        return lambda _, __: ()
    if cls.__module__ == "pyarrow.lib" and cls.__name__ == "ChunkedArray":
        return _arrow
    if frames.is_fixed(cls):
        return lambda _, __: ()
    if frames.has_parts(cls):
        return _of_pandas
    return _instance if _is_ordinary(cls) else _other


def _other(contents: Contents, value: Any) -> Iterable[Any]:
    contents.snapshots.append((value, snapshot(value)))
    return ()


def _flat(contents: Contents, value: Any) -> Iterable[Any]:
    contents.dumps.append(marshal.dumps(value, 2))
    contents.flat.append(value)
    return ()


def _held(contents: Contents, value: Any, shown: list[Any]) -> list[Any]:
    contents.holders.append(value)
    contents.referents += shown
    return shown


def _iterated(contents: Contents, value: Any) -> Iterable[Any]:
    items = tuple(value)
    contents.containers.append(value)
    contents.items += items
    _sized(contents, value, len(items))
    return items


def _sized(contents: Contents, value: Any, size: int) -> None:
    contents.sized.append(value)
    contents.sizes.append(size)


def _sequence(contents: Contents, value: Any) -> Iterable[Any]:
    _sized(contents, value, len(value))
    return _held(contents, value, gc.get_referents(value))


def _list(contents: Contents, value: list[Any]) -> Iterable[Any]:
    return (_flat if len(value) > _FEW and _all_flat(value) else _sequence)(contents, value)


def _set(contents: Contents, value: set[Any]) -> Iterable[Any]:
    return (_flat if _all_flat(value) else _iterated)(contents, value)


def _mapping(contents: Contents, value: Any) -> Iterable[Any]:
    return (*_iterated(contents, value), *_iterated(contents, value.values()))


def _dict(contents: Contents, value: dict[Any, Any], *, in_order: bool = True) -> Iterable[Any]:
    """Take down a dict; the order of its keys need not count, if they are names of attributes."""
    if len(value) > _FEW and _all_flat(value) and _all_flat(value.values()):
        return _flat(contents, value)
    shown, copy = gc.get_referents(value), value.copy()
    if len(shown) == 2 * len(copy) != 0:  # keys and values in turn, as soon as one key is no text
        return _sequence(contents, value)
    if len(shown) != len(copy):
        return _mapping(contents, value)
    if not _are_unlike(shown if in_order else {id(item): item for item in shown}.values()):
        return (*_iterated(contents, value), *_held(contents, value, shown))
    contents.keyed.append(value)
    contents.copies.append(copy)
    return _held(contents, value, shown)


def _are_unlike(values: Collection[Any]) -> bool:
    """Tell whether no two values are equal, for certain: of containers, one of a kind is."""
    if len(values) > 1 and not _UNLIKE.issuperset(map(type, values)):
        return False
    return len({value if type(value) in _BY_VALUE else type(value) for value in values}) == len(values)


def _are_among(needed: Iterable[Any], shown: list[Any]) -> bool:
    return set(map(id, needed)) <= set(map(id, shown))


def _default_mapping(contents: Contents, value: Any) -> Iterable[Any]:
    return (*_attributes(contents, value, [operator.attrgetter("default_factory")]), *_mapping(contents, value))


def _partial(contents: Contents, value: Any) -> Iterable[Any]:
    return _attributes(contents, value, map(operator.attrgetter, ("func", "args", "keywords", "__dict__")))


def _cached(contents: Contents, value: Any) -> Iterable[Any]:
    [attributes] = _attributes(contents, value, [dict_of])  # `__wrapped__` is in there
    return _dict(contents, attributes, in_order=False)


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
    contents.array_bytes.append(value.tobytes())
    return ()


def _of_pandas(contents: Contents, value: Any) -> Iterable[Any]:
    parts = frames.parts_of(value)
    if parts is None:
        return _other(contents, value)
    contents.attributes += [(operator.attrgetter(part.name), part.holder, part.value) for part in parts]
    return [part.value for part in parts if part.name not in frames.LOOKED_INTO]


def _arrow(contents: Contents, value: Any) -> Iterable[Any]:
    """Take down an array of Arrow's: it cannot change, but its memory may be that of an array of numpy which can."""
    found = [buffer for chunk in value.chunks for buffer in chunk.buffers() if buffer is not None]
    if sum(buffer.size for buffer in found) > _SMALL or not _is_in_buffers(value.type):
        return _other(contents, value)
    contents.buffers += map(memoryview, found)
    contents.buffer_bytes += map(bytes, found)
    return ()


def _is_in_buffers(kind: Any) -> bool:
    """Tell whether the buffers of arrays of a type of Arrow's are all that there is to them."""
    from pyarrow import types as arrow

    return bool(arrow.is_primitive(kind) or arrow.is_string(kind) or arrow.is_large_string(kind))


def _instance(contents: Contents, value: Any) -> Iterable[Any]:
    """Take down an instance: its class, slots and dict, and what an immutable base holds."""
    cls = type(value)
    try:
        needed = [slot.__get__(value) for slot in _slots(cls)]
    except AttributeError:  # a slot that was never set
        return _other(contents, value)
    if cls.__flags__ & HEAP_TYPE:
        needed.append(cls)
    if issubclass(cls, tuple):
        needed += tuple.__iter__(value)
    attributes = dict_of(value) if cls.__dictoffset__ else None
    shown = gc.get_referents(value)
    if attributes is not None and not _are_among([attributes], shown):
        # Since 3.13 most attributes lie in the instance, as long as nobody replaces its dict.
        contents.attributes.append((dict_of, value, attributes))
        needed += attributes.values()
    if not _are_among(needed, shown):
        return _other(contents, value)
    _held(contents, value, shown)
    if attributes is None:
        return needed
    if cls is types.SimpleNamespace:
        return [attributes]
    state = dict(state_of(value))
    if attributes.keys() <= state.keys():
        return [*needed, *_dict(contents, attributes, in_order=False)]
    # What a cached property left there does not count, and may be large.
    _mapping(contents, attributes)
    return [*needed, *state.values()]


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


def _is_fixed_of_numpy(cls: type) -> bool:
    """Tell whether it is a type of numpy's own whose values cannot change: a number or dtype, but no structured one."""
    if cls.__module__.partition(".")[0] != "numpy" or cls.__flags__ & HEAP_TYPE:
        return False
    numpy = sys.modules["numpy"]
    if issubclass(cls, numpy.dtype):
        return not issubclass(getattr(cls, "type", numpy.void), numpy.void)
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
