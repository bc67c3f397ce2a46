"""What a wrapper took from what it wraps counts there; what was set afterwards counts as an attribute does."""

import pytest

from consist.identity.code import fresh_code_identity

OBJECT = """
import functools
class wrap:
    def __init__(self, fn):
        functools.update_wrapper(self, fn)
        self.fn = fn
    def __call__(self, *args):
        return self.fn(*args)
"""
WRAPPERS = {
    "lru_cache": "from functools import lru_cache as wrap\n",
    "lru_cache with size": "import functools\nwrap = functools.lru_cache(maxsize=None)\n",
    "object": OBJECT,
    "partial": "import functools\ndef wrap(fn):\n    return functools.update_wrapper(functools.partial(fn), fn)\n",
    "partial of a class": (
        "import functools\nclass Part(functools.partial):\n    pass\n"
        "def wrap(fn):\n    return functools.update_wrapper(Part(fn), fn)\n"
    ),
    "two": OBJECT + "def cached(fn):\n    return functools.lru_cache(wrap0(fn))\nwrap0, wrap = wrap, cached\n",
    "bound method": OBJECT
    + ("class Owner:\n    pass\ndef bound(fn):\n    return wrap0(fn.__get__(Owner()))\nwrap0, wrap = wrap, bound\n"),
}
DEFINED = "@wrap\ndef g(n):\n    'One.'\n    return n\n"
USED = "def f():\n    return g(1)\n"


def _digest(project, source, name="job"):
    found = fresh_code_identity(project(**{name: source}).f)
    assert not found.uncacheable
    return found.digest


@pytest.mark.parametrize("wrapper", WRAPPERS)
def test_where_it_is_and_what_nothing_reads_does_not_count(wrapper, project):
    source = WRAPPERS[wrapper] + DEFINED + USED
    before = _digest(project, source)
    assert _digest(project, source, "elsewhere") == before
    for old, new in (("One", "Two"), ("    'One.'\n", ""), ("(n)", "(n: int)"), ("(n)", "(n) -> 'g'")):
        assert _digest(project, source.replace(old, new)) == before
    assert _digest(project, source.replace("return n\n", "return -n\n")) != before


@pytest.mark.parametrize("wrapper", WRAPPERS)
@pytest.mark.parametrize(
    ("reading", "old", "new"),
    [
        ("def f():\n    return g.__doc__\n", "One", "Two"),
        ("import inspect\ndef f():\n    return inspect.getdoc(g)\n", "One", "Two"),
        ("def f():\n    return g.__annotations__\n", "(n)", "(n: int)"),
    ],
)
def test_what_is_read_counts(wrapper, reading, old, new, project):
    source = WRAPPERS[wrapper] + DEFINED + reading
    assert _digest(project, source) != _digest(project, source.replace(old, new))


@pytest.mark.parametrize("wrapper", WRAPPERS)
@pytest.mark.parametrize("name", ["__doc__", "__qualname__", "__annotations__", "unit"])
def test_what_was_set_afterwards_counts(wrapper, name, project):
    source = WRAPPERS[wrapper] + DEFINED + "g.{} = {!r}\n" + USED
    values = [{"n": int}, {"n": int, "m": int}] if name == "__annotations__" else ["a", "b"]
    one, two = (_digest(project, source.format(name, value).replace("<class 'int'>", "int")) for value in values)
    assert one != two


def test_what_the_size_of_a_cache_is_counts(project):
    source = "import functools\n@functools.lru_cache(maxsize={})\ndef g(n):\n    return n\n" + USED
    assert _digest(project, source.format(1)) != _digest(project, source.format(2))


def test_the_docstring_of_a_function_that_numpy_vectorizes(project):
    source = "import numpy as np\nwrap = np.vectorize\n" + DEFINED + USED
    before = _digest(project, source)
    assert _digest(project, source.replace("One", "Two")) == before
    assert _digest(project, source.replace("One", "Two"), "elsewhere") == before
    assert _digest(project, source.replace("return n\n", "return -n\n")) != before


def test_a_cached_function_that_holds_itself(project):
    """By an attribute, which would be walked for ever."""
    source = WRAPPERS["lru_cache"] + DEFINED + "g.me = g\n" + USED
    _digest(project, source)


def test_two_objects_that_hold_each_other_do_not_leave_it_to_the_other(project):
    source = """
class Node:
    pass
A, B = Node(), Node()
A.other, B.other = B, A
A.__doc__ = B.__doc__ = {0!r}
A.__wrapped__, B.__wrapped__ = B, A
def f():
    return A.__doc__
"""
    assert _digest(project, source.format("One")) != _digest(project, source.format("Two"))


def test_an_equal_text_need_not_be_the_same_object(project):
    """A worker that was sent both by value may have two of it."""
    source = WRAPPERS["object"] + DEFINED + "{}" + USED
    assert _digest(project, source.format("g.__doc__ = ''.join(['On', 'e.'])\n")) == _digest(project, source.format(""))


SENT = """
import types
def g(n: int, m: "int") -> list[{kind}]:
    return n
"""
ARRIVED = """
    if hasattr(g, "__annotate__"):  # from Python 3.14 on
        found = dict(g.__annotations__)
        wrapper.__dict__["__annotate__"] = types.FunctionType(g.__annotate__.__code__, {"int": int, "list": list})
        g.__annotations__ = found
    else:
        wrapper.__dict__["__annotations__"] = {"n": int, "m": "int", "return": list[KIND]}
"""


def test_annotations_that_arrived_apart_are_the_same(project):
    """A worker that is sent both by value has two of each, made of the same parts."""
    source = OBJECT + SENT + "wrapper = wrap(g)\nif {arrived}:\n" + ARRIVED + "def f():\n    return wrapper(1)\n"
    here, there = (
        _digest(project, source.replace("{kind}", "int").replace("{arrived}", arrived).replace("KIND", "int"))
        for arrived in ("False", "True")
    )
    assert here == there


WRAPT = """
import wrapt
K = 1
@wrapt.decorator
def around(wrapped, instance, args, kwargs):
    return wrapped(*args, **kwargs) * K
@wrapt.decorator
def outer(wrapped, instance, args, kwargs):
    return wrapped(*args, **kwargs) + K
"""


@pytest.mark.parametrize("wrap", ["around", "lambda fn: outer(around(fn))"], ids=["one", "two"])
@pytest.mark.parametrize(("old", "new"), [("* K", "* -K"), ("return n", "return n + 1"), ("K = 1", "K = 2")])
def test_what_an_object_of_c_wraps_and_with_what(wrap, old, new, project):
    source = f"{WRAPT}wrap = {wrap}\n{DEFINED}{USED}"
    before = _digest(project, source)
    assert _digest(project, source, "elsewhere") == before != _digest(project, source.replace(old, new))


def test_another_function_in_an_object_of_c_is_seen(project, check_change):
    module = project(job=WRAPT + "wrap = around\n" + DEFINED + USED)
    check_change(module, lambda module: setattr(module, "K", 2))
