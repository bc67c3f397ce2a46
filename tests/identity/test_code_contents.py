"""Values that can change in place: the memo notices every change that a fresh walk would, and has no need of a walk."""

import collections
import dataclasses
import enum
import types

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consist.identity.code import code_identity, fresh_code_identity
from consist.identity.code.contents import Contents

JOB = """
import collections, dataclasses, enum, functools, types, typing
import numpy as np
import pydantic

class Color(enum.Enum):
    RED = 1
    BLUE = 2

@dataclasses.dataclass
class Point:
    x: float = 1
    y: float = 2.0

@dataclasses.dataclass(frozen=True)
class Frozen:
    color: Color
    point: Point
    sizes: list

@dataclasses.dataclass(slots=True)
class Slotted:
    a: int
    b: list

class Named(typing.NamedTuple):
    name: str
    sizes: list

class Cached:
    def __init__(self):
        self.k = 1
    @functools.cached_property
    def table(self):
        return [self.k]

class Answers:
    k = 1
    def __getattribute__(self, name):
        return 1

class Model(pydantic.BaseModel):
    a: int = 1
    b: list = [1]

class Text(str):
    pass

class Other:
    pass

FLAT = [1, 0.0, "a", None, True, 1j, *range(20)]
TABLE = {"a": 1, "b": 2.0, **{str(n): n for n in range(20)}}
FEW = [1]
ODD = {1: [1], (2, "b"): 2, Color.RED: 3}
TUPLE = (1, [1, 2], {"a": 1})
LISTS = [[1], [1], 5]
NAMES = {"a", "b"}
RAW = bytearray(b"abc")
QUEUE = collections.deque([1, [2]])
COUNTS = collections.Counter("ab")
ORDERED = collections.OrderedDict(a=1, b=2)
DEFAULTS = collections.defaultdict(list, a=[1])
POINT = Point()
FROZEN = Frozen(Color.RED, Point(), [1])
SLOTTED = Slotted(1, [1])
NAMED = Named("a", [1])
CACHED = Cached()
ANSWERS = Answers()
MODEL = Model()
TEXT = Text("a")
TEXT.note = [1]
SPACE = types.SimpleNamespace(a=1, b=[1])
PARTIAL = functools.partial(max, [1], key=abs)
GRID = np.arange(6.0)
BASE = np.arange(6)
VIEW = BASE[::2]
DATES = np.array(["2026-01-01"], dtype="M8[D]")
PAIRS = np.array([(1, 2.0)], dtype=[("a", "i4"), ("b", "f8")])
BIG = np.zeros(20_000)
NUMBERS = [np.float64(1), np.int64(2)]

def f():
    return (
        FEW, FLAT, TABLE,
        ODD, TUPLE, LISTS, NAMES, RAW, QUEUE, COUNTS, ORDERED, DEFAULTS, POINT, FROZEN, SLOTTED, NAMED,
        CACHED, ANSWERS, MODEL, TEXT, SPACE, PARTIAL, GRID, VIEW, DATES, PAIRS, BIG, NUMBERS,
    )
"""


def _put(container, key, value):
    container[key] = value


def _rekey(mapping, old, new):
    mapping[new] = mapping.pop(old)


def _set_shape(array, shape):
    array._set_shape(shape) if hasattr(array, "_set_shape") else setattr(array, "shape", shape)


CHANGES = {
    "flat list: 1 to True": lambda m: _put(m.FLAT, 0, True),
    "flat list: 1 to 1.0": lambda m: _put(m.FLAT, 0, 1.0),
    "flat list: 0.0 to -0.0": lambda m: _put(m.FLAT, 1, -0.0),
    "flat list: text to a subclass of it": lambda m: _put(m.FLAT, 2, m.Text("a")),
    "flat list: number to a subclass of it": lambda m: _put(m.FLAT, 0, type("Int", (int,), {})(1)),
    "flat list: number to one of numpy's": lambda m: _put(m.FLAT, 0, np.int64(1)),
    "flat list: text to bytes": lambda m: _put(m.FLAT, 2, b"a"),
    "flat list: a list put in": lambda m: m.FLAT.append([]),
    "few: 1 to True": lambda m: _put(m.FEW, 0, True),
    "few: 1 to 1.0": lambda m: _put(m.FEW, 0, 1.0),
    "flat dict: order": lambda m: _rekey(m.TABLE, "a", "a"),
    "flat dict: a value becomes a container": lambda m: _put(m.TABLE, "a", [1]),
    "flat dict: key deleted": lambda m: m.TABLE.pop("b"),
    "dict: key 1 to True": lambda m: (m.ODD.clear(), m.ODD.update({True: [1], (2, "b"): 2, m.Color.RED: 3})),
    "dict: key 1 to True, the same values": lambda m: [
        _put(m.ODD, True if key == 1 else key, value) for key, value in [(key, m.ODD.pop(key)) for key in list(m.ODD)]
    ],
    "dict: inner list": lambda m: m.ODD[1].append(2),
    "dict: enum for another": lambda m: _rekey(m.ODD, m.Color.RED, m.Color.BLUE),
    "tuple: inner list": lambda m: m.TUPLE[1].append(3),
    "tuple: inner dict": lambda m: m.TUPLE[2].update(b=1),
    "list of lists: one replaced": lambda m: _put(m.LISTS, 0, [2]),
    "list of lists: two become one": lambda m: _put(m.LISTS, 0, m.LISTS[1]),
    "list of lists: number to bool": lambda m: _put(m.LISTS, 2, 5.0),
    "list of lists: shortened": lambda m: m.LISTS.pop(),
    "list of lists: emptied": lambda m: m.LISTS.clear(),
    "set: element replaced": lambda m: (m.NAMES.remove("a"), m.NAMES.add("c")),
    "set: element of another kind": lambda m: m.NAMES.add((1, 2)),
    "bytearray": lambda m: m.RAW.reverse(),
    "deque: inner list": lambda m: m.QUEUE[1].append(1),
    "deque: rotated": lambda m: m.QUEUE.rotate(),
    "counter": lambda m: m.COUNTS.update("a"),
    "ordered dict: moved to its end": lambda m: m.ORDERED.move_to_end("a"),
    "default dict: key": lambda m: m.DEFAULTS["b"],
    "default dict: inner list": lambda m: m.DEFAULTS["a"].append(2),
    "default dict: factory": lambda m: setattr(m.DEFAULTS, "default_factory", dict),
    "attribute set": lambda m: setattr(m.POINT, "x", 3),
    "attribute: 1 to True": lambda m: setattr(m.POINT, "x", True),
    "attribute: 1 to 1.0": lambda m: setattr(m.POINT, "x", 1.0),
    "attribute: becomes a container": lambda m: setattr(m.POINT, "x", [1]),
    "attribute added": lambda m: setattr(m.POINT, "z", 1),
    "attribute deleted": lambda m: delattr(m.POINT, "x"),
    "attribute deleted, so that the class's counts": lambda m: delattr(m.FROZEN.point, "y"),
    "attributes replaced": lambda m: setattr(m.POINT, "__dict__", {"x": 2, "y": 2.0}),
    "attributes replaced by those of another": lambda m: (
        setattr(m.POINT, "__dict__", {"x": 1, "y": 2.0, "z": m.FLAT}),
    ),
    "attributes changed through the dict": lambda m: vars(m.POINT).update(x=7),
    "class replaced": lambda m: setattr(m.POINT, "__class__", m.Other),
    "class replaced by one made alike": lambda m: setattr(
        m.POINT, "__class__", dataclasses.make_dataclass("Point", ["x", "y"])
    ),
    "method of the class": lambda m: setattr(m.Point, "size", lambda _self: 1),
    "frozen: inner instance": lambda m: setattr(m.FROZEN.point, "x", 5),
    "frozen: inner list": lambda m: m.FROZEN.sizes.append(2),
    "frozen: enum": lambda m: object.__setattr__(m.FROZEN, "color", m.Color.BLUE),
    "frozen: inner instance replaced": lambda m: object.__setattr__(m.FROZEN, "point", m.POINT),
    "slot": lambda m: setattr(m.SLOTTED, "a", 2),
    "slot: 1 to True": lambda m: setattr(m.SLOTTED, "a", True),
    "slot deleted": lambda m: delattr(m.SLOTTED, "a"),
    "slot: inner list": lambda m: m.SLOTTED.b.append(2),
    "named tuple: inner list": lambda m: m.NAMED.sizes.append(2),
    "beside a cached property": lambda m: setattr(m.CACHED, "k", 2),
    "under a class with its own access": lambda m: object.__setattr__(m.ANSWERS, "k", 2),
    "model: field": lambda m: setattr(m.MODEL, "a", 2),
    "model: inner list": lambda m: m.MODEL.b.append(2),
    "text's attribute": lambda m: m.TEXT.note.append(2),
    "namespace": lambda m: setattr(m.SPACE, "a", True),
    "namespace: inner list": lambda m: m.SPACE.b.append(2),
    "partial: argument": lambda m: m.PARTIAL.args[0].append(2),
    "partial: keyword": lambda m: m.PARTIAL.keywords.update(key=len),
    "partial: attribute": lambda m: setattr(m.PARTIAL, "note", 1),
    "partial: all of it": lambda m: m.PARTIAL.__setstate__((min, ([1],), {"key": abs}, {})),
    "array: element": lambda m: _put(m.GRID, 0, 9),
    "array: 0.0 to -0.0": lambda m: _put(m.GRID, 0, -0.0),
    "array: shape": lambda m: _set_shape(m.GRID, (2, 3)),
    "array: view's base": lambda m: _put(m.BASE, 2, 9),
    "array: date": lambda m: _put(m.DATES, 0, np.datetime64("2026-01-02")),
    "array: field": lambda m: _put(m.PAIRS["b"], 0, 3.0),
    "array: large": lambda m: _put(m.BIG, -1, 1),
    "list of numpy's numbers": lambda m: _put(m.NUMBERS, 0, np.float32(1)),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_in_place_is_seen(name, project, check_change):
    check_change(project(job=JOB), CHANGES[name])


@pytest.mark.filterwarnings("ignore:Setting the dtype:DeprecationWarning")
def test_another_dtype_of_the_same_bytes_is_seen(project):
    module = project(job="import numpy as np\nA = np.zeros(4, dtype='i8')\ndef f():\n    return A\n")
    before = code_identity(module.f)
    module.A.dtype = "f8"
    assert code_identity(module.f).digest == fresh_code_identity(module.f).digest != before.digest


@pytest.mark.parametrize(
    "change",
    [
        lambda m: m.GRID.setflags(write=False),
        lambda m: m.CACHED.table,
        lambda m: (m.TABLE.update(c=1), m.TABLE.pop("c")),
        lambda m: setattr(m.POINT, "__dict__", dict(vars(m.POINT))),
        lambda m: vars(m.POINT).update(x=vars(m.POINT).pop("x")),
        lambda m: _put(m.LISTS, 0, [1]),
        lambda m: _put(m.FLAT, 2, "a"),
    ],
    ids=["read-only", "cached property", "put back", "attributes copied", "attributes reordered", "copy", "text"],
)
def test_what_does_not_count_has_the_same_identity(change, project):
    module = project(job=JOB)
    before = code_identity(module.f)
    change(module)
    assert code_identity(module.f).digest == fresh_code_identity(module.f).digest == before.digest


def test_text_that_is_interned_later_costs_no_walk(project):
    module = project(job="LIST = [*range(20), ''.join(['no', 'vel', ' text'])]\ndef f():\n    return LIST\n")
    before = code_identity(module.f)
    module.LIST[-1] = "novel text"
    assert code_identity(module.f) is before


class Kind(enum.Enum):
    A = 1


@dataclasses.dataclass
class Inner:
    kind: Kind
    size: int


@dataclasses.dataclass
class Outer:
    inner: Inner
    sizes: list
    grid: np.ndarray
    names: collections.OrderedDict


def test_common_values_are_not_encoded_anew():
    """A snapshot takes 20 us and more; what it is for is what nothing cheaper can tell."""
    contents = Contents()
    contents.take(Outer(Inner(Kind.A, 1), [1, (2, [3])], np.arange(3), collections.OrderedDict(a=np.float64(1))))
    assert not contents.snapshots
    assert {Outer, Inner} <= set(map(type, contents.holders))
    assert contents.arrays


def test_flat_containers_that_come_to_hold_each_other_are_seen(project):
    """As nodes do that are linked later; their bytes would be without end."""
    module = project(job="A, B = dict.fromkeys(range(20)), dict.fromkeys(range(20))\ndef f():\n    return A, B\n")
    before = code_identity(module.f)
    for node, other in ((module.A, module.B), (module.B, module.A)):
        node.update(dict.fromkeys(range(20), other))
    assert code_identity(module.f).digest == fresh_code_identity(module.f).digest != before.digest


LEAVES = [0, 0.0, -0.0, 1, 1.0, True, None, "a", "b", b"a", 1j, (1,), Kind.A, np.float64(1), np.arange(2)]


def _values():
    leaves = st.sampled_from(LEAVES)

    def containers(inner):
        lists = st.lists(inner, max_size=3)
        dicts = st.dictionaries(st.sampled_from(["a", "b", 1, True, 1.0, (1,)]), inner, max_size=3)
        return st.one_of(
            lists,
            lists.map(tuple),
            lists.map(collections.deque),
            dicts,
            dicts.map(collections.OrderedDict),
            lists.map(lambda items: types.SimpleNamespace(**{f"x{place}": item for place, item in enumerate(items)})),
            st.builds(Inner, inner, inner),
        )

    return st.recursive(leaves, containers, max_leaves=12)


def _inside(value):
    """List the containers in a value."""
    found, waiting = {}, [value]
    while waiting:
        item = waiting.pop()
        if id(item) in found or not isinstance(
            item, (list, tuple, dict, collections.deque, types.SimpleNamespace, Inner)
        ):
            continue
        found[id(item)] = item
        held = vars(item) if isinstance(item, (types.SimpleNamespace, Inner)) else item
        waiting += held.values() if isinstance(held, dict) else held
    return [item for item in found.values() if not isinstance(item, tuple)]


def _change(container, new, draw):
    """Change a container in place: put something in, in the place of something, or take something out."""
    held = vars(container) if isinstance(container, (types.SimpleNamespace, Inner)) else container
    places = list(held) if isinstance(held, dict) else list(range(len(held)))
    deed = draw(st.sampled_from(["put", "replace", "remove"]))
    if deed == "put" or not places:
        held.setdefault("new", new) if isinstance(held, dict) else held.append(new)
        return
    place = draw(st.sampled_from(places))
    if deed == "replace":
        held[place] = new
    else:
        del held[place]


@given(st.data(), _values())
@settings(max_examples=100, deadline=None)
def test_whatever_is_changed_the_memo_agrees_with_a_walk(data, value):
    outer = [value]
    reader = types.FunctionType((lambda: V).__code__, {"__name__": "job", "V": outer})  # noqa: F821 - found in there
    before = code_identity(reader)
    assert code_identity(reader) is before
    for _ in range(3):
        containers = _inside(outer)
        new = data.draw(st.one_of(st.sampled_from(LEAVES), st.sampled_from(containers)))
        _change(data.draw(st.sampled_from(containers)), new, data.draw)
        assert code_identity(reader).digest == fresh_code_identity(reader).digest
