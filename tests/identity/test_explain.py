"""What differs between two runs, in words: real edits to real functions, and what a person would say of them."""

import dataclasses
import functools
import sys
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from blake3 import blake3
from hypothesis import given
from hypothesis import strategies as st

from consist.hashing.digest import Digest
from consist.identity.code import fresh_code_identity
from consist.identity.config import config_identity
from consist.identity.explain import PARTS, Difference, differences, differing_parts, summary


class Contract(NamedTuple):
    outputs: tuple = ()
    paths: tuple = ()
    inputs: dict = {}  # noqa: RUF012 - nobody changes it


class Input(NamedTuple):
    key: str
    kind: str
    digest: Digest


class Run(NamedTuple):
    """A description by hand: each part's digest is of what it holds, by other means than the code's own."""

    step: str = "clean"
    code: Any = {}  # noqa: RUF012 - the same
    config: Any = None
    config_parts: Any = {}  # noqa: RUF012 - the same
    inputs: tuple = ()
    contract: Contract = Contract()
    extra: str = ""

    @property
    def parts(self):
        held = (self.code, self.config_parts, self.inputs, self.contract)
        return {
            part: digest(repr((sorted(value.items()) if isinstance(value, dict) else value, part in self.extra)))
            for part, value in zip(PARTS, held, strict=True)
        }


def digest(text):
    return Digest(blake3(text.encode()).digest())


def labelled(**changed):
    return {label: digest(str(content)) for label, content in changed.items()}


def of_code(fn, **options):
    return Run(code=fresh_code_identity(fn, **options).manifest)


def of_config(config):
    identity = config_identity(config)
    return Run(config=identity.readable(), config_parts=identity.parts())


def texts(before, after):
    return [str(difference) for difference in differences(before, after)]


UTIL = """
SCALE = 2
class Model:
    limit = 3
    def apply(self, x): return x * self.limit
def norm(x, power=1): return x * SCALE ** power
"""
JOB = """
import util
def make(n):
    def inner(x): return x + n
    return inner
add = make(3)
def f(x): return util.norm(x) + util.Model().apply(x) + add(x)
"""


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("SCALE = 2", "SCALE = 3", ["global util:SCALE (used by util.norm) changed"]),
        ("x * SCALE ** power", "x * SCALE ** -power", ["function util.norm changed"]),
        ("power=1", "power=2", ["function util.norm (defaults) changed"]),
        ("limit = 3", "limit = 4", ["attribute util.Model.limit changed"]),
        ("x * self.limit", "x + self.limit", ["function util.Model.apply changed"]),
        ("limit = 3", "limit = 3; other = 1", ["class util.Model changed"]),
        ("class Model:", "class Model(dict):", ["class util.Model (bases) changed"]),
        # What follows from a function that changed is not told: the name that it uses since then.
        ("x * SCALE ** power", "x * abs(SCALE)", ["function util.norm changed"]),
        ("x * SCALE ** power", "x", ["function util.norm changed"]),
        ("make(3)", "make(4)", ["variable job:make.<locals>.inner.n (used by job.make.<locals>.inner) changed"]),
        ("import util\n", "import util\ndef g(x): return x\n", []),
        # A function that is reached since then, or no more, is.
        (
            "+ add(x)",
            "+ make(3)(x)",
            ["function job.f changed", "function job.make added", "function job.make.<locals>.inner removed"],
        ),
        ("def f(x)", "# a comment\ndef f(x)", []),
    ],
)
def test_an_edit_is_told_where_it_is(old, new, said, project):
    runs = []
    for edit in (lambda text: text, lambda text: text.replace(old, new)):
        assert old in UTIL + JOB
        runs.append(of_code(project(util=edit(UTIL), job=edit(JOB)).f))
    assert texts(*runs) == said


def test_everything_that_differs_is_told_even_if_its_label_is_unheard_of():
    before = Run(code=labelled(a=1, b=1, c=1) | {"x (y) z": digest("1"), "": digest("1"), "(": digest("1")})
    after = Run(code=labelled(a=2, b=1, d=1) | {"x (y) z": digest("2"), "": digest("2"), "(": digest("2")})
    found = differences(before, after)
    assert {(each.name, each.change) for each in found} == {
        ("a", "changed"),
        ("c", "removed"),
        ("d", "added"),
        ("x (y) z", "changed"),
        ("", "changed"),
        ("(", "changed"),
    }


def test_versions_are_paired():
    before = Run(code={label: digest(label) for label in ("python 3.11", "numpy 2.4.5", "six 1", "mine 1.0", "gone 2")})
    after = Run(code={label: digest(label) for label in ("python 3.12", "numpy 2.4.6", "six 1", "new-one 0.1rc1")})
    after.code["mine 1.0"] = digest("installed again from its folder")
    assert texts(before, after) == [
        "python 3.11 -> 3.12",
        "package gone 2 removed",
        "package mine 1.0: the same version, installed from other files",
        "package new-one 0.1rc1 added",
        "numpy 2.4.5 -> 2.4.6",
    ]


def test_python_and_packages_are_labelled_as_they_are_read(project):
    module = project(job="import numpy as np\ndef f(x):\n    return np.sqrt(x)\n")
    code = of_code(module.f).code
    before = {
        f"python {sys.version_info[0]}.{sys.version_info[1]}": "python 3.1",
        f"numpy {np.__version__}": "numpy 0.1",
    }
    assert before.keys() <= code.keys()
    found = texts(Run(code={before.get(label, label): value for label, value in code.items()}), Run(code=code))
    assert found == [
        f"python 3.1 -> {sys.version_info[0]}.{sys.version_info[1]}",
        f"numpy 0.1 -> {np.__version__}",
    ]


def test_code_options_are_told(project, tmp_path):
    module = project(job="A = 1\ndef g():\n    return 1\ndef f():\n    return A\n")
    data = tmp_path / "data.csv"
    data.write_text("1")
    plain, one = of_code(module.f), of_code(module.f, version="1")
    assert texts(plain, one) == ['code version: added, "1"']
    assert texts(one, plain) == ['code version: removed, was "1"']
    assert texts(one, of_code(module.f, version="2")) == ['code version: "1" -> "2"']
    assert texts(one, of_code(module.g, version="1")) == ["code version 1: of another function"]
    with_file = of_code(module.f, depends_on=[data])
    assert texts(plain, with_file) == ["file data.csv: added"]
    data.write_text("2")
    assert texts(with_file, of_code(module.f, depends_on=[data])) == ["file data.csv: content changed"]
    assert "code job.g added" in texts(plain, of_code(module.f, code=[module.g]))


def test_a_partials_argument_is_what_is_called(project):
    module = project(job="def f(x, y):\n    return x\n")
    (said,) = texts(of_code(functools.partial(module.f, 1)), of_code(functools.partial(module.f, 2)))
    assert said.startswith("what is called changed")


@dataclasses.dataclass
class Settings:
    rate: float = 0.1
    layers: tuple = (1, 2)


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ({"sigma": 0.1}, {"sigma": 0.2}, ["config sigma: 0.1 -> 0.2"]),
        ({}, {"seed": 7}, ["config seed: added, 7"]),
        ({"seed": 7}, {}, ["config seed: removed, was 7"]),
        ({"seed": None}, {}, ["config seed: removed, was null"]),
        ({"a": 1, "b": 2}, {"a": 2, "b": 1}, ["config a: 1 -> 2", "config b: 2 -> 1"]),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}, []),
        ({"a": 1}, {"a": True}, ["config a: 1 -> true"]),
        ({"a": 1}, {"a": 1.0}, ["config a: 1 -> 1.0"]),
        ({"a": 1}, {"a": "1"}, ['config a: 1 -> "1"']),
        ({"a": [1]}, {"a": (1,)}, ["config a: [1], of another type"]),
        ({"a": 0.5}, {"a": np.float64(0.5)}, ["config a: 0.5, of another type"]),
        ({"a": Path("x")}, {"a": "x"}, ['config a: "x", of another type']),
        ({"a": float("nan")}, {"a": [float("nan")]}, ["config a: NaN -> [NaN]"]),
        ({"m": {"s": 1, "n": float("nan")}}, {"m": {"s": 2, "n": float("nan")}}, ["config m.s: 1 -> 2"]),
        (
            {"m": {"s": {"t": [1, 2]}}},
            {"m": {"s": {"t": [1, 3], "u": 0}}},
            ["config m.s.t[1]: 2 -> 3", "config m.s.u: added, 0"],
        ),
        ({"s": Settings()}, {"s": Settings(rate=0.2)}, ["config s.rate: 0.1 -> 0.2"]),
        (Settings(), Settings(layers=(1, 2, 3)), ["config layers: [1, 2] -> [1, 2, 3]"]),
        ({"a": "x" * 100}, {"a": "x" * 101}, [f'config a: "{"x" * 57}…", changed further on']),
        ({"a": "line\n"}, {"a": "\x1b[31m"}, ['config a: "line\\n" -> "\\u001b[31m"']),
        ({"\x1b": 1}, {"\x1b": 2}, ["config \\x1b: 1 -> 2"]),
        ({"": 1}, {"": 2}, ["config : 1 -> 2"]),
    ],
)
def test_a_config_is_told_by_its_items(before, after, said):
    assert texts(of_config(before), of_config(after)) == said


def test_an_array_is_told_by_type_and_digest():
    before, after = of_config({"w": np.zeros(3)}), of_config({"w": np.ones(3)})
    digests = [run.config_parts["w"].hex[:12] for run in (before, after)]
    assert texts(before, after) == [f"config w: ndarray ({digests[0]}) -> ndarray ({digests[1]})"]


def test_an_item_that_differs_all_over_is_told_once():
    before, after = ({"w": list(range(start, start + 50))} for start in (0, 1))
    (difference,) = differences(of_config(before), of_config(after))
    assert (difference.name, difference.before, difference.after) == ("w", before["w"], after["w"])
    assert len(str(difference)) < 150


CONFIGS = st.dictionaries(
    st.sampled_from("abc"),
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3) | st.binary(max_size=2),
        lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=2), inner, max_size=2),
    ),
)


@given(CONFIGS, CONFIGS)
def test_each_item_that_differs_is_told_and_no_other(before, after):
    """Which items differ is asked of the digests of one-item configs."""

    def one(config, key):
        return config_identity({key: config[key]}).digest if key in config else None

    found = differences(of_config(before), of_config(after))
    said = {difference.name[0] for difference in found}
    assert said == {key for key in before.keys() | after.keys() if one(before, key) != one(after, key)}
    for difference in found:
        assert str(difference).isprintable()


def test_inputs_are_told_by_name():
    old = (
        Input("raw.csv", "file", digest("1")),
        Input("gone", "file", digest("1")),
        Input("same", "file", digest("1")),
    )
    new = (
        Input("raw.csv", "file", digest("2")),
        Input("same", "artifact", digest("1")),
        Input("more", "folder", digest("3")),
    )
    assert texts(Run(inputs=old), Run(inputs=new)) == [
        "input raw.csv: content changed",
        "input gone: removed",
        "input more: added",
    ]
    (changed, *_) = differences(Run(inputs=old), Run(inputs=new))
    assert (changed.before, changed.after) == (digest("1").hex, digest("2").hex)


def test_the_kind_of_an_input_is_told_if_nothing_else_is_known():
    file, artifact = ((Input("raw", kind, digest("1")),) for kind in ("file", "artifact"))
    assert texts(Run(inputs=file), Run(inputs=artifact)) == ["input raw: the same content, file -> artifact"]
    assert texts(Run(inputs=file), Run(inputs=file, extra="inputs")) == [
        "an input is of another format, with the same content"
    ]


def test_the_contract_is_told():
    before = Run(contract=Contract(("a", "b"), ("log",), {"raw": "path", "gone": "path"}))
    after = Run(contract=Contract(("a", "c"), (), {"raw": "text", "new": "value"}))
    assert texts(before, after) == [
        "declared output b removed",
        "declared output c added",
        "declared output path log removed",
        "input raw: handed over as path -> text",
    ]
    # What comes or goes with an input is told there, and not again.
    fewer = Run(contract=Contract(("a", "b"), ("log",), {"raw": "path"}))
    assert differing_parts(before, fewer) == ("contract",)
    assert texts(before, fewer) == []
    swapped = Run(contract=Contract(("b", "a"), ("log",), {"raw": "path", "gone": "path"}))
    assert texts(before, swapped) == ["declared outputs: a, b -> b, a"]


@pytest.mark.parametrize("part", PARTS)
def test_a_part_that_differs_is_always_told(part):
    before, after = Run(), Run(extra=part)
    assert differing_parts(before, after) == (part,)
    (difference,) = differences(before, after)
    assert (difference.part, difference.kind, difference.name) == (part, "part", "")
    assert {"code": "the code", "config": "the config", "inputs": "an input", "contract": "the contract"}[part] in str(
        difference
    )


def test_a_part_that_is_equal_is_never_told():
    one = Run(code=labelled(a=1))
    assert differences(one, one) == ()
    assert texts(one, Run(step="tidy", code=labelled(a=1))) == ["step clean -> tidy"]


def test_a_summary_is_one_line_of_the_first_few():
    found = [Difference("config", "config", name, "changed", 1, 2) for name in "abcde"]
    assert summary(found[:2]) == "config a: 1 -> 2; config b: 1 -> 2"
    assert summary(found) == "config a: 1 -> 2; config b: 1 -> 2; config c: 1 -> 2; and 2 more"


@pytest.mark.parametrize("depth", [100, 5000])
def test_a_config_that_somebody_made_up_ends_in_words(depth):
    deep: Any = 1
    for _ in range(depth):
        deep = [deep]
    odd = {1: deep, b"\x1b": "\x1b", "$type": 3}
    before, after = (
        Run(config={"a": value}, config_parts=labelled(a=n)) for n, value in enumerate((odd, {**odd, 2: 1}))
    )
    assert all(text.isprintable() for text in texts(before, after))
    assert all(text.isprintable() for text in texts(before, after._replace(config=b"\x1b")))
