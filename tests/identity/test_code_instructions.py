"""The canonical form of code objects: what changes it, what does not, over real source."""

import argparse
import ast
import dis
import json
import pathlib
import posixpath
import random as stdlib_random
import types

import pytest

from consist.identity.code.instructions import code_facts


def _function(source):
    module = compile(source, "<test>", "exec")
    return next(code for code in module.co_consts if isinstance(code, types.CodeType))


def _body(source):
    facts = code_facts(_function(source))
    return facts.body, facts.uses


def _codes(code, prefix=""):
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield f"{prefix}{constant.co_name}", constant
            yield from _codes(constant, f"{prefix}{constant.co_name}.")


@pytest.mark.parametrize(
    "module", [ast, json, json.decoder, stdlib_random, posixpath, types, argparse], ids=lambda module: module.__name__
)
def test_source_written_anew_is_the_same_code(module):
    """`ast.unparse` keeps the meaning, and neither comments nor line breaks nor quotes nor parentheses."""
    source = pathlib.Path(module.__file__).read_text()
    tree = ast.parse(source)
    compared = 0
    for other in (ast.unparse(tree), "\n" * 50 + source):
        pairs = zip(_codes(compile(source, "a.py", "exec")), _codes(compile(other, "b.py", "exec")), strict=True)
        for (name, left), (other_name, right) in pairs:
            assert name == other_name
            assert code_facts(left).body == code_facts(right).body, name
            compared += 1
    assert compared


class _Mutator(ast.NodeTransformer):
    """Changes the n-th number, operator, comparison or text in a function."""

    def __init__(self, place):
        self.place = place
        self.count = 0
        self.changed = False

    def _now(self):
        self.count += 1
        hit = self.count - 1 == self.place
        self.changed |= hit
        return hit

    def visit_Constant(self, node):
        if type(node.value) is int and self._now():
            return ast.Constant(node.value + 1)
        if type(node.value) is str and self._now():
            return ast.Constant(node.value + "~")
        return node

    def visit_JoinedStr(self, node):
        return node

    def visit_BinOp(self, node):
        self.generic_visit(node)
        if self._now():
            node.op = ast.Sub() if isinstance(node.op, ast.Add) else ast.Add()
        return node

    def visit_Compare(self, node):
        self.generic_visit(node)
        if self._now():
            node.ops = [ast.NotEq() if isinstance(node.ops[0], ast.Eq) else ast.Eq(), *node.ops[1:]]
        return node

    def visit_BoolOp(self, node):
        self.generic_visit(node)
        if self._now():
            node.op = ast.Or() if isinstance(node.op, ast.And) else ast.And()
        return node

    def visit_Attribute(self, node):
        self.generic_visit(node)
        if self._now():
            node.attr += "_"
        return node


def _stripped(node):
    """Take docstrings and annotations out: they do not count, so changing them must not be expected to."""
    for inner in ast.walk(node):
        if isinstance(inner, ast.FunctionDef | ast.ClassDef | ast.AsyncFunctionDef):
            inner.body = [
                statement
                for statement in inner.body
                if not (isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant))
            ] or [ast.Pass()]
            inner.decorator_list = []
        if isinstance(inner, ast.FunctionDef | ast.AsyncFunctionDef):
            inner.returns = None
            # Defaults of the outermost function are values, which the walk encodes.
            inner.args.defaults = [ast.Name("d", ast.Load()) for _ in inner.args.defaults]
            inner.args.kw_defaults = [found and ast.Name("d", ast.Load()) for found in inner.args.kw_defaults]
        if isinstance(inner, ast.arg):
            inner.annotation = None
    return node


@pytest.mark.parametrize("module", [json.decoder, posixpath, types], ids=lambda module: module.__name__)
def test_every_small_edit_is_another_code(module):
    tree = ast.parse(pathlib.Path(module.__file__).read_text())
    functions = [ast.unparse(_stripped(node)) for node in tree.body if isinstance(node, ast.FunctionDef)]
    edits = 0
    for source in functions:
        place = 0
        while True:
            mutator = _Mutator(place)
            edited = ast.fix_missing_locations(mutator.visit(ast.parse(source)))
            if not mutator.changed:
                break
            if _meaning(ast.unparse(edited)) != _meaning(source):
                assert _body(ast.unparse(edited)) != _body(source), ast.unparse(edited)
                edits += 1
            place += 1
    assert edits > 10


def _meaning(source):
    """List what is executed: the compiler drops edits that nobody could notice, such as `while 1` for `while 2`."""
    code = _function(source)
    return [
        (op.opname, op.arg if isinstance(op.argval, types.CodeType) else repr(op.argval))
        for _, found in [("", code), *_codes(code)]
        for op in dis.get_instructions(found)
    ]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("def f(a):\n    b = a\n    return b", "def f(a):\n    c = a\n    return c"),
        ("def f(a):\n    z = a\n    return (lambda: z)()", "def f(a):\n    b = a\n    return (lambda: b)()"),
        (
            "def f(a):\n    y = z = a\n    return (lambda: (y, z))()",
            "def f(a):\n    z = y = a\n    return (lambda: (z, y))()",
        ),
        (
            "def f(a):\n    def g(b: int) -> str:\n        return b\n    return g",
            "def f(a):\n    def g(b):\n        return b\n    return g",
        ),
        ("def f():\n    class C:\n        'x'\n    return C", "def f():\n    class C:\n        'y'\n    return C"),
        ("def f(): 'x'; return 1", "def f(): return 1"),
        ("def f(): return {'a', 'b', 'c'} & x", "def f(): return {'c', 'b', 'a'} & x"),
        ("def f(a): x: int = a; return x", "def f(a): x = a; return x"),
        (
            "def f(a, b, c, d): return a if (0 if b else 1) else (c if d else b)",
            "def f(a, b, c, d):\n    return (\n    a\n    if (0 if b else 1)\n    else (c if d else b))",
        ),
        (
            "def f(a, b, c): return a if (c if b else a) else (a if (1 if c else 0) else b)",
            "def f(a, b, c):\n return (a\n if (c\n if b else\n a)\n else (a if (1\n if c\n else 0\n )\n else b))",
        ),
    ],
)
def test_what_does_not_count(before, after):
    assert _body(before)[0] == _body(after)[0]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("def f(a, b): return (lambda: a - b)()", "def f(a, b): return (lambda: b - a)()"),
        (
            "def f(a):\n    y = a\n    z = 1\n    return (lambda: y - z)()",
            "def f(a):\n    y = a\n    z = 1\n    return (lambda: z - y)()",
        ),
        ("def f(): return -0.0", "def f(): return 0.0"),
        ("def f(a, b): return a if (0 if b else 1) else b", "def f(a, b): return a if (1 if b else 0) else b"),
        ("def f(): return 1", "def f(): return True"),
        ("def f(): return 'a'", "def f(): return b'a'"),
        ("def f(): return (1, 2)", "def f(): return (1, 2.0)"),
        ("def f(): return x in {1, 2}", "def f(): return x in {1, 3}"),
        ("def f(a): return a.b", "def f(a): return a.c"),
        ("def f(a): pass", "def f(b): pass"),
        ("def f(a): pass", "def f(*a): pass"),
        ("def f(a): pass", "def f(a, /): pass"),
        ("def f(a): pass", "def f(*, a): pass"),
        ("def f(): yield", "def f(): return"),
        ("async def f(): pass", "def f(): pass"),
        ("def f(): g(a=1)", "def f(): g(b=1)"),
        ("def f(): return super().f", "def f(): return super().g"),
        (
            "def f():\n    try:\n        a()\n        b()\n    except E: pass",
            "def f():\n    try:\n        a()\n    except E: pass\n    b()",
        ),
        ("def f():\n    global x\n    x = 1", "def f():\n    x = 1"),
        ("def f(a):\n    b = a\n    return locals()", "def f(a):\n    c = a\n    return locals()"),
        ("def f(): return a + b", "def f(): return a + a"),
        ("def f(): import a.b as c; return c", "def f(): import a.c as c; return c"),
        ("def f(): from . import a; return a", "def f(): from .. import a; return a"),
    ],
)
def test_what_counts(before, after):
    assert _body(before) != _body(after)


@pytest.mark.parametrize(
    ("body", "chain", "writes"),
    [
        ("X.append(a)", (), True),
        ("X[a] = 1", (), True),
        ("X[a + 1] = g(a)", (), True),
        ("X.update(b=g(a, [1]))", (), True),
        ("X.y = 1", (), True),
        ("return X.append(a)", ("append",), False),
        ("X.pop()", ("pop",), False),
        ("X[a][1] = 2", (), False),
        ("X[a] += 1", (), False),
        ("g(X)", (), False),
        ("a[X] = 1", (), False),
        ("a[1] = X", (), False),
        ("X.y.z(1)", ("y", "z"), False),
        ("X.append(1 if a else 2)", ("append",), False),
        ("X.append(X)", (), False),
        ("X.append(b := a)", (), True),
        ("X[b := a] = 1", (), True),
        ("(b := X).append(1)", (), False),
        ("(b := X)[a] = 1", (), False),
        ("X.y += 1", (), False),
        ("a, X[1] = 1, 2", (), True),
        ("b, a[1] = 1, X", (), False),
        ("b, a[1] = X, 1", (), False),
        ("a[1], b = X, 1", (), False),
        ("X[1], X[2] = X[2], X[1]", (), False),
        ("b = X == a", (), False),
        ("b = 1 < X < a", (), False),
    ],
)
def test_how_a_global_is_used(body, chain, writes):
    facts = code_facts(_function(f"def f(a):\n    {body}\n"))
    uses = [use for use in facts.uses if use.name == "X"]
    assert (chain, writes) in [(use.chain, use.writes) for use in uses]
    if not writes or body == "X.append(X)":
        assert not all(use.writes for use in uses)


def test_code_objects_are_read_once_and_let_go():
    function = types.FunctionType(_function("def f(): return 1"), {})
    assert code_facts(function.__code__) is code_facts(function.__code__)
    copied = function.__code__.replace(co_firstlineno=99)
    assert code_facts(copied) is not code_facts(function.__code__)
    assert code_facts(copied).body == code_facts(function.__code__).body


CELLS = """
import math, os.path
import collections as kinds
SCALE = 2
def one(x): return math.floor(x)
def chained(x): return os.path.join(x, "a").upper()
def starred(x): return kinds.Counter(*x, **{})
def keywords(x): return kinds.deque(x, maxlen=SCALE)
def branching(x): return math.ceil(x) if math.isfinite(x) and x else math.floor(math.sqrt(x))
def guarded(x):
    for item in x:
        try:
            math.floor(item)
        except (ValueError, math.error):
            return math.floor(0)
    return [math.ceil(item) for item in x]
def local(x):
    math = x
    return math.floor(x)
def closed(x):
    math = x
    return lambda: math.floor(math.pi)
def item(x): return kinds.names[0](x) + kinds.names(x)(x)
class Body:
    low = math.floor(2.5)
    def method(self): return math.floor(self.low)
def written(x): kinds.seen.append(x)
"""


def test_code_of_a_notebook_is_that_of_a_file():
    """In a file the import is in the text that is compiled; in a notebook each cell is compiled by itself."""
    whole = dict(_codes(compile(CELLS, "steps.py", "exec")))
    statements = [ast.unparse(statement) for statement in ast.parse(CELLS).body]
    cells = {name: code for cell in statements for name, code in _codes(compile(cell, "<cell>", "exec"))}
    assert list(cells) == list(whole)
    assert any(cells[name].co_code != whole[name].co_code for name in whole), "the compiler makes a difference"
    for name, code in whole.items():
        assert code_facts(cells[name]).body == code_facts(code).body, name
        assert code_facts(cells[name]).uses == code_facts(code).uses, name


def test_every_call_of_an_import_is_told_apart():
    bodies = [_body(f"import a\ndef f(x): return {call}") for call in ("a.b(x)", "a.b", "a.c(x)", "a(x).b", "a.b[x]")]
    assert len(set(bodies)) == len(bodies)
