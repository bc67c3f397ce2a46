"""Annotations are looked at, and nothing shows afterwards that they were."""

import sys

import pytest

from consist.identity.annotations import annotations_of, is_annotated, look, signature_of

computed = pytest.mark.skipif(sys.version_info < (3, 14), reason="annotations are made with their function")
LATER = """
def f(x: Later, y: int) -> list[Later]: ...
class C:
    x: Later
    y: int
    def method(self, x: Later): ...
x: Later
"""


@pytest.fixture
def module(project):
    return project(later=LATER)


def test_of_functions_classes_and_modules(project):
    classes = "class C:\n    a: int\nclass D(C): ...\nclass E(C):\n    b: str\n"
    found = project(job=f"def f(a: int, b: 'B'): ...\n{classes}x: int\n")
    assert annotations_of(found.f) == {"a": int, "b": "B"}
    assert [annotations_of(cls) for cls in (found.C, found.D, found.E)] == [{"a": int}, {}, {"b": str}]
    assert look(found.D) is None
    assert annotations_of(found) == {"x": int}
    assert annotations_of(len) == {}
    assert is_annotated(found.f)
    assert not is_annotated(len)


@computed
def test_a_name_that_is_not_there_is_its_text(module):
    for holder in (module.f, module.C, module):
        found = annotations_of(holder)
        assert found["x"].__forward_arg__ == "Later"
        assert found.get("y", int) is int
    assert str(signature_of(module.f)).startswith("(x: ")


@computed
def test_looking_settles_nothing(module):
    first = [annotations_of(holder) for holder in (module.f, module.C, module, module.C().method)]
    assert all(found["x"].__forward_arg__ == "Later" for found in first)
    assert not {"__annotations__", "__annotations_cache__"} & (vars(module.C).keys() | vars(module).keys())
    module.Later = float
    for holder in (module.f, module.C, module, module.C().method):
        annotations_of(holder)
    module.Later = complex
    for holder in (module.f, module.C, module, module.C().method):
        assert annotations_of(holder)["x"] is complex
        assert holder.__annotations__["x"] is complex


@pytest.mark.parametrize("name", ["f", "C"])
def test_what_is_kept_is_told_from_what_is_made_for_who_asks(name, project):
    holder = getattr(project(job="def f(x: int): ...\nclass C:\n    x: int\n"), name)
    assert look(holder).is_kept == (sys.version_info < (3, 14))
    holder.__annotations__["x"] = str  # who asks has it kept
    assert look(holder).is_kept
    assert annotations_of(holder) == {"x": str}


def test_what_was_put_in_its_place(project):
    function = project(job="def f(x: int): ...").f
    function.__annotations__ = {"x": "other"}
    assert annotations_of(function) == {"x": "other"}
