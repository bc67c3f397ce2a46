"""Docstrings and annotations, read in ways other than by their name after a dot."""

import pytest

from consist.identity.code import code_identity, fresh_code_identity

SOURCE = """
import inspect, operator, typing
import pydantic
doc, hints = operator.attrgetter("__doc__"), typing.get_type_hints
def h(x: {kind} = 0):
    "{text}"
class C:
    "{text}"
    x: {kind} = 0
class M(pydantic.BaseModel):
    "{text}"
class Pair(typing.NamedTuple):
    x: {kind} = 0
@typing.runtime_checkable
class Shape(typing.Protocol):
    x: {kind}
class Model(pydantic.BaseModel):
    pair: Pair = Pair()
CHECK = pydantic.TypeAdapter(list[Pair])
def f():
    return {read}
"""
DOCS = {
    "getattr": "getattr(h, '__doc__')",
    "vars": "vars(C)['__doc__']",
    "attrgetter": "operator.attrgetter('__doc__')(h)",
    "attrgetter in a global": "doc(h)",
    "schema": "M.model_json_schema()",
}
ANNOTATIONS = {
    "getattr": "getattr(C, '__annotations__')",
    "dict": "C.__dict__['__annotations__']",
    "function in a global": "hints(h)",
    "field of a model": "Model(pair=(1,))",
    "adapter": "CHECK.validate_python([])",
    "signature by its class": "str(inspect.Signature.from_callable(h))",
    "adapter made in the function": "pydantic.TypeAdapter(h)",
    "protocol": "isinstance(1, Shape)",
}


@pytest.mark.parametrize("read", DOCS.values(), ids=DOCS)
def test_a_docstring_that_is_read_counts(read, project):
    before, after = (project(job=SOURCE.format(text=text, kind="int", read=read)).f for text in "ab")
    assert code_identity(before).digest != code_identity(after).digest


@pytest.mark.parametrize("read", ANNOTATIONS.values(), ids=ANNOTATIONS)
def test_an_annotation_that_is_read_counts(read, project):
    before, after = (project(job=SOURCE.format(text="a", kind=kind, read=read)).f for kind in ("int", "float"))
    assert code_identity(before).digest != code_identity(after).digest


def test_what_nobody_reads_hits(project):
    before = project(job=SOURCE.format(text="a", kind="int", read="h(C().x), M()")).f
    after = project(job=SOURCE.format(text="b", kind="float", read="h(C().x), M()")).f
    assert code_identity(before).digest == code_identity(after).digest


def test_an_annotation_that_is_changed_in_place_counts(project):
    module = project(job="import click\nclass Own(click.Command):\n    x: int = 0\ndef f():\n    return Own\n")
    before = code_identity(module.f).digest
    module.Own.__annotations__["x"] = float
    assert code_identity(module.f).digest == fresh_code_identity(module.f).digest != before


@pytest.mark.parametrize("made", ["bound={}", "{}, str", "default={}"], ids=["bound", "constraints", "default"])
def test_what_a_type_variable_may_be_counts(made, project):
    source = "import typing_extensions\nT = typing_extensions.TypeVar('T', {})\ndef f():\n    return T\n"
    before, after = (project(job=source.format(made.format(kind))).f for kind in ("int", "float"))
    assert code_identity(before).digest != code_identity(after).digest


def test_the_variance_of_a_type_variable_counts(project):
    source = "import typing\nT = typing.TypeVar('T', {})\ndef f():\n    return T.__covariant__\n"
    kinds = ["", "covariant=True", "contravariant=True"]
    assert len({code_identity(project(job=source.format(kind)).f).digest for kind in kinds}) == len(kinds)


def test_a_type_variable_without_a_default_is_not_one_whose_default_is_none(project):
    source = "import typing_extensions\nT = typing_extensions.TypeVar('T'{})\ndef f():\n    return T\n"
    without, none = (code_identity(project(job=source.format(default)).f) for default in ("", ", default=None"))
    assert without.digest != none.digest
    assert not any("typing" in label for label in without.manifest), without.manifest
