"""Fields of pydantic and attrs: all that was given for one counts, and their first use changes nothing."""

import textwrap

import pytest

from consist.identity.code import code_identity, fresh_code_identity

HEAD = """
from typing import Annotated, Optional
import typing, attrs, pydantic
from pydantic import BaseModel, ConfigDict, Field, alias_generators
"""
LEAF = """
class Leaf(BaseModel):
    z: TYPE
"""
USE = """
def f():
    return Tree.model_validate({"x": VALUE}).model_dump()
"""


def _tree(annotation, given="", config=""):
    return f"class Tree(BaseModel):\n    {config or 'pass'}\n    x: {annotation}{given}\n"


FORWARD = {
    "list": (_tree("list[Leaf]", " = []"), '[{"z": "1"}]'),
    "plain": (_tree("Leaf"), '{"z": "1"}'),
    "optional": (_tree("Optional[Leaf]", " = None"), '{"z": "1"}'),
    "or none": (_tree("Leaf | None", " = None"), '{"z": "1"}'),
    "dict of lists": (_tree("dict[str, list[Leaf]]"), '{"a": [{"z": "1"}]}'),
    "typing": (_tree("typing.Dict[str, typing.List[Leaf]]"), '{"a": [{"z": "1"}]}'),
    "metadata": (_tree("list[Leaf]", " = Field(min_length=1, description='d', title='t')"), '[{"z": "1"}]'),
    "alias generator": (
        _tree("Leaf", config="model_config = ConfigDict(alias_generator=alias_generators.to_snake)"),
        '{"z": "1"}',
    ),
    "title generator": (
        _tree("Leaf", config="model_config = ConfigDict(field_title_generator=lambda name, _: name)"),
        '{"z": "1"}',
    ),
    "inherited": (_tree("list[Leaf]").replace("Tree", "Base") + "class Tree(Base):\n    y: int = 0\n", '[{"z": "1"}]'),
}


def _loaded(project, forward, kind, *, future):
    tree, value = forward
    if not future:
        tree = tree.replace("Leaf", '"Leaf"').replace('"Leaf" | None', '"Leaf | None"')
    start = "from __future__ import annotations\n" if future else ""
    return project(job=start + HEAD + tree + LEAF.replace("TYPE", kind) + USE.replace("VALUE", value))


@pytest.mark.parametrize("future", [True, False], ids=["future", "quoted"])
@pytest.mark.parametrize("forward", FORWARD.values(), ids=FORWARD)
def test_a_model_that_is_defined_later_counts_before_and_after_the_first_use(forward, future, project):
    digests, results = [], []
    for kind in ("int", "str", "int"):
        module = _loaded(project, forward, kind, future=future)
        assert not module.Tree.__pydantic_complete__, "the case shows nothing"
        before = code_identity(module.f)
        results.append(module.f())
        assert module.Tree.__pydantic_complete__
        digests.append(before.digest)
        assert code_identity(module.f).manifest == before.manifest
        assert fresh_code_identity(module.f).digest == code_identity(module.f).digest == before.digest
    assert results[0] == results[2] != results[1]
    assert digests[0] == digests[2] != digests[1]


def test_a_text_that_only_running_code_could_evaluate_counts_by_its_names(project):
    """Its first use is a needless miss, once in a process, and no stale hit."""
    forward = (_tree("Annotated[list[Leaf], Field(min_length=1)]"), '[{"z": "1"}]')
    whole, other = (fresh_code_identity(_loaded(project, forward, kind, future=True).f) for kind in ("int", "str"))
    assert whole.digest != other.digest
    assert not whole.uncacheable


def test_what_is_rebound_before_the_first_use_is_seen(project):
    module = _loaded(project, FORWARD["list"], "int", future=True)
    before = code_identity(module.f)
    module.Leaf = type("Leaf", (module.BaseModel,), {"__annotations__": {"z": str}, "__module__": "job"})
    after = code_identity(module.f)
    assert after.digest == fresh_code_identity(module.f).digest != before.digest


def test_a_model_keeps_the_class_that_it_found(project):
    """As in a notebook, in which a cell was run again and the one with the model was not."""
    source = "class Leaf(BaseModel):\n    z: int\n" + _tree("Leaf") + USE.replace("VALUE", '{"z": "1"}')
    module = project(job="from __future__ import annotations\n" + HEAD + source)
    before = code_identity(module.f)
    module.Leaf = type("Leaf", (module.BaseModel,), {"__annotations__": {"z": str}, "__module__": "job"})
    assert module.f() == {"x": {"z": 1}}
    assert code_identity(module.f).digest == before.digest


ATTRS = """
@attrs.define
class Tree:
    x: list[Leaf]
    y: int = attrs.field(default=1, metadata={"a": 1})
@attrs.define
class Sub(Tree):
    z: Leaf | None = None
class Leaf:
    def go(self):
        return FACTOR
def f():
    attrs.resolve_types(Sub)
    return attrs.fields(Sub).z.type.__args__[0]().go()
"""


def test_attrs_that_resolved_its_types_is_the_same(project):
    digests = []
    for factor in "23":
        source = "from __future__ import annotations\n" + HEAD + ATTRS.replace("FACTOR", factor)
        module = project(job=source)
        before = code_identity(module.f)
        assert module.f() == int(factor)
        assert fresh_code_identity(module.f).digest == code_identity(module.f).digest == before.digest
        assert any(label.startswith("attrs ") for label in before.manifest)
        digests.append(before.digest)
    assert digests[0] != digests[1]


GIVEN = {
    "description": ("description='in m'", "description='in km'"),
    "title": ("title='a'", "title='b'"),
    "examples": ("examples=[1]", "examples=[2]"),
    "json_schema_extra": ("json_schema_extra={'u': 'm'}", "json_schema_extra={'u': 'km'}"),
    "json_schema_extra that is called": (
        "json_schema_extra=lambda s: s.update(u=1)",
        "json_schema_extra=lambda s: s.update(u=2)",
    ),
    "deprecated": ("deprecated='a'", "deprecated='b'"),
    "title generator": ("field_title_generator=lambda n, i: 'a'", "field_title_generator=lambda n, i: 'b'"),
    "alias": ("alias='a'", "alias='b'"),
    "exclude_if": ("exclude_if=lambda v: v == 1", "exclude_if=lambda v: v == 2"),
}


@pytest.mark.parametrize("given", GIVEN.values(), ids=GIVEN)
def test_what_is_given_for_a_field_counts(given, project):
    source = HEAD + "class P(BaseModel):\n    x: int = Field(1, {})\ndef f():\n    return P\n"
    one, two, again = (fresh_code_identity(project(job=source.format(how)).f).digest for how in (*given, given[0]))
    assert one == again != two


def test_the_type_of_extra_fields_counts(project):
    source = """
        {future}
        class P(BaseModel):
            model_config = ConfigDict(extra="allow")
            __pydantic_extra__: dict[str, Kind]
            plain: typing.ClassVar[{plain}] = 1
        def f():
            return P(a="1").model_dump()
    """
    for future in ("", "from __future__ import annotations\n"):
        digests = []
        for kind, plain in (("int", "int"), ("str", "int"), ("int", "str")):
            head = f"{future}Kind = {kind}\n" + HEAD
            module = project(job=head + textwrap.dedent(source.format(future="", plain=plain)))
            digests.append(fresh_code_identity(module.f).digest)
            module.f()
            assert fresh_code_identity(module.f).digest == digests[-1]
        assert digests[0] == digests[2] != digests[1]


DOUBLE = '    @field_validator("a"{mode})\n    @classmethod\n    def double(cls, v):\n        return int(v) * 2\n'
ADD = '    @field_validator("a", "b"{mode})\n    @classmethod\n    def add(cls, v):\n        return int(v) + 3\n'
LAST = '    @field_validator("c")\n    @classmethod\n    def last(cls, v):\n        return v\n'
ANY = '    @field_validator("*")\n    @classmethod\n    def any(cls, v):\n        return -v if v > 1 else v\n'
AFTER = '    @model_validator(mode="after")\n    def {0}(self):\n        self.a = {1}\n        return self\n'
SHOWN = "    @computed_field\n    def {0}(self) -> int:\n        return 1\n"
METHODS = {
    "of one field": (DOUBLE.format(mode=""), ADD.format(mode=""), True),
    "of one field, before": (DOUBLE.format(mode=", mode='before'"), ADD.format(mode=", mode='before'"), True),
    "of all fields": (DOUBLE.format(mode=""), ANY, True),
    "of two fields": (DOUBLE.format(mode=""), LAST, False),
    "of the model": (AFTER.format("one", "self.a * 2"), AFTER.format("two", "self.a + 3"), True),
    "computed": (SHOWN.format("one"), SHOWN.format("two"), True),
    "plain methods": ("    def one(self):\n        return 1\n", "    def two(self):\n        return 1\n", False),
}


@pytest.mark.parametrize(("one", "two", "counts"), METHODS.values(), ids=METHODS)
def test_the_order_of_methods_that_pydantic_calls_counts(one, two, counts, project):
    head = "from pydantic import BaseModel, computed_field, field_validator, model_validator\n"
    head += "class P(BaseModel):\n    a: int = 1\n    b: int = 1\n    c: int = 1\n"
    tail = "def f():\n    return list(P(a=1).model_dump().items())\n"
    modules = [project(job=head + body + tail) for body in (one + two, two + one)]
    digests = [fresh_code_identity(module.f).digest for module in modules]
    assert (modules[0].f() != modules[1].f()) == counts == (digests[0] != digests[1])


@pytest.mark.parametrize(
    "change",
    [
        lambda m: setattr(m.P.__pydantic_fields__["x"], "description", "other"),
        lambda m: m.P.__pydantic_fields__["x"].json_schema_extra.update(u="km"),
        lambda m: m.P.__pydantic_fields__["x"].examples.append(2),
        lambda m: m.P.__annotations__.update(__pydantic_extra__=dict[str, str]),
        lambda m: m.P.__pydantic_decorators__.field_validators.update(
            one=m.P.__pydantic_decorators__.field_validators.pop("one")
        ),
    ],
    ids=["description", "extra in place", "examples in place", "type of extra fields", "order of validators"],
)
def test_a_change_is_seen(change, project):
    source = """
        class P(BaseModel):
            __pydantic_extra__: dict[str, int]
            x: int = Field(1, description="in m", json_schema_extra={"u": "m"}, examples=[1])
            @pydantic.field_validator("x")
            @classmethod
            def one(cls, v):
                return v * 2
            @pydantic.field_validator("x")
            @classmethod
            def two(cls, v):
                return v + 2
        def f():
            return P
    """
    module = project(job=HEAD + textwrap.dedent(source))
    before = code_identity(module.f)
    assert code_identity(module.f) is before
    change(module)
    after = code_identity(module.f)
    assert after.digest == fresh_code_identity(module.f).digest != before.digest
