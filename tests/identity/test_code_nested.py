"""Values in values: changes in place at every depth, of what is equal, and of what lies side by side."""

import pytest

from consist.identity.code import code_identity, fresh_code_identity

JOB = """
import dataclasses

@dataclasses.dataclass(slots=True)
class Slotted:
    a: int
    b: list

@dataclasses.dataclass
class Point:
    x: int

class Text(str):
    pass

class Other:
    pass

class Bag(list):
    pass

class Book(dict):
    pass

DEEP = {"a": {"b": [{"c": (1, [2.0, {"d": {"e": [True]}}])}]}}
SAME = {"a": 1, "b": 1, "c": True, "d": 1.0}
ZEROS = {"a": 0.0, "b": [0.0]}
NANS = {"a": float("nan"), "b": [float("nan")]}
ONE = {"a": 1}
EMPTY = {}
BY_NUMBER = {1: "a", 2: [1]}
TWICE = {"a": 1, "b": 1}
LISTS = [[1, 2], [3, 4]]
TWINS = [{"a": 1, "b": [1]}, {"c": 2}]
BAG = Bag([1, [2]])
BOOK = Book(a=1, b=[2])
ALIKE = Other()
ALIKE.a, ALIKE.b = 1, 1.0
WITHIN = Other()
WITHIN.a = {"a": 1}
EDGE = Slotted(1, [1])
EDGE.a = Slotted

def f():
    return DEEP, SAME, ZEROS, NANS, ONE, EMPTY, BY_NUMBER, TWICE, LISTS, TWINS, BAG, BOOK, ALIKE, WITHIN, EDGE
"""


def _put(container, key, value):
    container[key] = value


def _rekey(mapping, old, new):
    mapping[new] = mapping.pop(old)


def _reorder(mapping, *pairs):
    mapping.clear()
    mapping.update(pairs)


def _move(source, target, key):
    """Let one dict begin with what another one ended with."""
    moved = {key: source.pop(key), **target}
    target.clear()
    target.update(moved)


CHANGES = {
    "deep: dict at the first depth": lambda m: m.DEEP["a"].update(z=1),
    "deep: list at the second": lambda m: m.DEEP["a"]["b"].append(None),
    "deep: dict in a list": lambda m: _put(m.DEEP["a"]["b"][0], "c", (1, [2.0, {}])),
    "deep: list in a tuple": lambda m: _put(m.DEEP["a"]["b"][0]["c"][1], 0, 2),
    "deep: dict in that": lambda m: m.DEEP["a"]["b"][0]["c"][1][1]["d"].pop("e"),
    "deep: list in that": lambda m: _put(m.DEEP["a"]["b"][0]["c"][1][1]["d"]["e"], 0, 1),
    "dict of equal values: 1 to True": lambda m: _put(m.SAME, "a", True),
    "dict of equal values: True to 1.0": lambda m: _put(m.SAME, "c", 1.0),
    "dict of equal values: two keys change places": lambda m: _reorder(
        m.SAME, ("b", m.SAME["a"]), ("a", m.SAME["b"]), ("c", m.SAME["c"]), ("d", m.SAME["d"])
    ),
    "dict of equal values: keys take each other's value": lambda m: _reorder(
        m.SAME, ("a", m.SAME["a"]), ("b", m.SAME["b"]), ("d", m.SAME["c"]), ("c", m.SAME["d"])
    ),
    "dict: 0.0 to -0.0": lambda m: _put(m.ZEROS, "a", -0.0),
    "dict: 0.0 to -0.0 in a list": lambda m: _put(m.ZEROS["b"], 0, -0.0),
    "dict: 0.0 to False": lambda m: _put(m.ZEROS, "a", False),
    "dict: NaN to a number": lambda m: _put(m.NANS, "a", 1.0),
    "dict: NaN to a number in a list": lambda m: _put(m.NANS["b"], 0, 1.0),
    "dict: renamed key": lambda m: _rekey(m.ONE, "a", "b"),
    "dict: key to a subclass of text": lambda m: _rekey(m.ONE, "a", m.Text("a")),
    "dict: key of another type": lambda m: _rekey(m.ONE, "a", b"a"),
    "dict: emptied": lambda m: m.ONE.clear(),
    "empty dict: filled": lambda m: _put(m.EMPTY, "a", 1),
    "dict by numbers: 1 to True": lambda m: _reorder(m.BY_NUMBER, (True, "a"), (2, m.BY_NUMBER[2])),
    "dict by numbers: 1 to 1.0": lambda m: _reorder(m.BY_NUMBER, (1.0, "a"), (2, m.BY_NUMBER[2])),
    "dict by numbers: order": lambda m: _rekey(m.BY_NUMBER, 1, 1),
    "dict by numbers: all keys become text": lambda m: _reorder(m.BY_NUMBER, ("a", "a"), ("b", m.BY_NUMBER[2])),
    "dict with one value twice: order": lambda m: _rekey(m.TWICE, "a", "a"),
    "two lists: the first item moves to the other's end": lambda m: m.LISTS[1].append(m.LISTS[0].pop(0)),
    "two lists: the last item moves to the other's beginning": lambda m: m.LISTS[1].insert(0, m.LISTS[0].pop()),
    "two dicts: an item moves to the next": lambda m: _move(m.TWINS[0], m.TWINS[1], "b"),
    "two dicts: exchanged": lambda m: m.TWINS.reverse(),
    "subclass of list: item": lambda m: _put(m.BAG, 0, True),
    "subclass of list: inner list": lambda m: m.BAG[1].append(1),
    "subclass of list: attribute added": lambda m: setattr(m.BAG, "note", 1),
    "subclass of list: class replaced": lambda m: setattr(m.BAG, "__class__", type("Sack", (list,), {})),
    "subclass of dict: value": lambda m: _put(m.BOOK, "a", 1.0),
    "subclass of dict: order": lambda m: _rekey(m.BOOK, "a", "a"),
    "subclass of dict: inner list": lambda m: m.BOOK["b"].append(1),
    "subclass of dict: attribute added": lambda m: setattr(m.BOOK, "note", 1),
    "list becomes one of a subclass": lambda m: _put(m.DEEP["a"], "b", m.Bag(m.DEEP["a"]["b"])),
    "dict becomes one of a subclass": lambda m: _put(m.DEEP, "a", m.Book(m.DEEP["a"])),
    "attributes take each other's value": lambda m: _reorder(vars(m.ALIKE), ("b", m.ALIKE.a), ("a", m.ALIKE.b)),
    "attributes replaced by one of them": lambda m: setattr(m.WITHIN, "__dict__", m.WITHIN.a),
    "attribute renamed": lambda m: _rekey(vars(m.ALIKE), "b", "c"),
    "attribute named by a subclass of text": lambda m: _rekey(vars(m.ALIKE), "b", m.Text("c")),
    "attribute: 1.0 to 1": lambda m: setattr(m.ALIKE, "b", 1),
    "slot that holds the class deleted": lambda m: delattr(m.EDGE, "a"),
    "slot that holds the class set": lambda m: setattr(m.EDGE, "a", m.Point),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_in_place_is_seen(name, project, check_change):
    check_change(project(job=JOB), CHANGES[name])


def test_less_than_there_was_is_seen(project):
    """What is left is what the list began with: the class of the instance, which its slot held as well."""
    module = project(job="class S:\n    __slots__ = ('a',)\nE = S()\nE.a = S\ndef f():\n    return E\n")
    before = code_identity(module.f)
    assert code_identity(module.f) is before
    del module.E.a
    assert code_identity(module.f).digest == fresh_code_identity(module.f).digest != before.digest
