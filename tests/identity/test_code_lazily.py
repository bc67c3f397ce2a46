"""Annotations within functions: what the compiler makes of them counts where something reads them, and only there."""

import types

import pytest

from consist.identity.code import fresh_code_identity
from consist.identity.code.instructions import code_facts

CELLS = ["", " = 1", " = k"]


def _function(source):
    module = compile(source, "<test>", "exec")
    return next(code for code in module.co_consts if isinstance(code, types.CodeType))


def _facts(source):
    return code_facts(_function(source))


def _inner(annotations, default="", before=""):
    parameters = ", ".join(name + annotation for name, annotation in zip("ab", annotations, strict=True))
    return f"def f(k):\n {before}\n def g({parameters}{default}, *, c{default or '=2'}):\n  return a, k\n return g\n"


@pytest.mark.parametrize("default", CELLS)
@pytest.mark.parametrize("annotations", [(": int", ""), (": int", ": A.b"), (": list['A']", ": A")])
def test_those_of_an_inner_function_do_not_count(annotations, default):
    plain, annotated = _facts(_inner(("", ""), default)), _facts(_inner(annotations, default))
    assert annotated.body == plain.body
    assert annotated.uses == plain.uses
    assert annotated.annotations
    assert annotated.annotations != _facts(_inner((": other", ""), default)).annotations


def test_the_names_in_them_are_told_apart():
    facts = _facts(_inner((": A.b", ": 'C'")))
    assert ("A", ("b",)) in {(use.name, use.chain) for use in facts.annotation_uses}
    assert "C" in facts.annotation_texts
    assert not facts.texts


def test_those_of_methods_in_a_class_in_a_function_do_not_count():
    source = "def f(k):\n class C:\n  def g(self, a{}):\n   return a\n  def h(self{}):\n   return k\n return C\n"
    assert _facts(source.format(": int", ", *, b: float")).body != _facts(source.format("", "")).body
    assert _facts(source.format(": int", "")).body == _facts(source.format("", "")).body


@pytest.mark.parametrize("text", ["'Unit'", "'Unit' ", '"Unit"'])
@pytest.mark.parametrize(
    "source",
    [
        "def f():\n class C:\n  x: {}\n  other: int\n return C\n",
        "def f():\n class C:\n  other: int\n  if f:\n   x: {}\n return C\n",
        "def f():\n @call\n def g(x: {}, other: 'int') -> 'list': ...\n return g\n",
        "def f(k):\n @call\n def g(other: 'list', x: {} = 1, *, y=2): return k\n return g\n",
    ],
    ids=["class", "branch in a class", "decorated", "decorated, with a cell"],
)
def test_text_that_somebody_is_handed_is_told_without_the_names_of_parameters(source, text):
    facts = _facts(source.format(text))
    assert "Unit" in facts.texts
    assert not {"x", "other", "return"} & set(facts.texts)


def test_code_in_an_annotation_is_told_by_what_it_does():
    """Its own text has an address and a line."""
    source = "def f():\n{} def g(x: made(lambda v: v + {})): ...\n return g\n"
    one, same, other = (_facts(source.format(*given)) for given in (("", 1), ("\n", 1), ("", 2)))
    assert one.annotations == same.annotations != other.annotations


def test_a_variable_that_an_inner_function_shares_counts_by_its_use(project):
    """`dis` names the loads of such a variable otherwise from 3.14 on."""
    source = "def made(y, z):\n    return lambda: ({})\nf = made(1, 2)\n"
    found = [fresh_code_identity(project(job=source.format(names)).f).digest for names in ("y, z", "z, y", "y, z")]
    assert found[0] == found[2] != found[1]
