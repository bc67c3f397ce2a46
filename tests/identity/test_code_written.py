"""Which variable a function sets: not by its name, but by who else uses it."""

import pytest

from consist.identity.code import code_identity

GLOBAL = "A = B = 0\ndef g():\n    return B\ndef f():\n    global {0}\n    {0} = 5\n    return g()\n"
DELETED = "def f():\n    global {0}\n    del {0}\n    return g()\nA = B = 0\ndef g():\n    return B\n"
NONLOCAL = """
def make():
    a = b = 0
    def g():
        return b
    def f():
        nonlocal {0}
        {0} = 5
        return g()
    return f
f = make()
"""
SETTER = """
A = B = 0
class Where:
    @property
    def x(self):
        return B
    @x.setter
    def x(self, value):
        global {0}
        {0} = value
def f():
    where = Where()
    where.x = 5
    return where.x
"""
LAMBDAS = """
A = B = 0
def put(value):
    global {0}
    {0} = value
def made(one):
    return (lambda: put(one)), (lambda: B)
SET, GET = made(5)
def f():
    SET()
    return GET()
"""


@pytest.mark.parametrize("source", [GLOBAL, DELETED, NONLOCAL, SETTER, LAMBDAS])
def test_what_is_set_counts_by_who_reads_it(source, project):
    first, second = ("a", "b") if "nonlocal" in source else ("A", "B")
    before = code_identity(project(job=source.format(first)).f).digest
    assert code_identity(project(job=source.format(second)).f).digest != before


@pytest.mark.parametrize("statement", ["{}.x = 5", "del {}.x", "pkg.{}.x = 5"])
def test_the_module_that_is_written_to_counts(statement, project):
    digests = []
    for name in ("m1", "m2"):
        project(m1="x = 0\n", m2="x = 0\n", pkg="import m1, m2\n")
        source = "import m1, m2, pkg\ndef g():\n    return m2.x\ndef f():\n    {}\n    return g()\n"
        digests.append(code_identity(project(job=source.format(statement.format(name))).f).digest)
    assert digests[0] != digests[1]


@pytest.mark.parametrize("source", [GLOBAL, DELETED, NONLOCAL, SETTER, LAMBDAS])
def test_other_names_for_the_same_variables_hit(source, project):
    before = code_identity(project(job=source.format("b" if "nonlocal" in source else "B")).f).digest
    renamed = source.replace("a = b = 0", "zz = aa = 0").replace("return b", "return aa")
    renamed = renamed.replace("A = B = 0", "ZZ = AA = 0").replace("return B", "return AA")
    renamed = renamed.replace("lambda: B", "lambda: AA").format("aa" if "nonlocal" in source else "AA")
    assert code_identity(project(job=renamed).f).digest == before


def test_a_counter_that_nobody_else_reads_has_no_part_of_its_own(project):
    module = project(job="N = 0\ndef f():\n    global N\n    N = N + 1\n    return 1\n")
    assert not [label for label in code_identity(module.f).manifest if "are set" in label]


def test_another_variable_that_is_set_before_shows_only_where_it_is(project):
    first = "X = 0\ndef h():\n    {}\n    return 1\ndef k():\n    return X\n"
    source = first + GLOBAL.format("B").replace("return g()", "return h(), k(), g()")
    before = code_identity(project(job=source.format("X")).f).manifest
    after = code_identity(project(job=source.format("global X; X = 1")).f).manifest
    changed = {label for label in before.keys() | after.keys() if before.get(label) != after.get(label)}
    assert "job.h" in changed
    assert not changed & {"job.f (variables that are set)", "job.g (variables that are set)"}
