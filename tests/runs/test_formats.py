"""Outputs of every type through a run and back: as they were, on another tracker too, or said clearly."""

from __future__ import annotations

import collections
import dataclasses
import datetime as dt
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from sklearn.linear_model import LinearRegression

import consist
from consist import Tracker, errors
from consist.runs.formats import extensions
from consist.runs.formats.figure import Png


@dataclasses.dataclass
class Result:
    loss: float
    when: dt.datetime


class Odd:
    """No format knows it."""

    def __init__(self, value):
        self.value = value

    def __eq__(self, other):
        return isinstance(other, Odd) and other.value == self.value

    __hash__ = None


class OddFormat:
    name, suffix = "odd", ".odd"

    def matches(self, value):
        return type(value) is Odd

    def write(self, value, stream):
        stream.write(str(value.value).encode())

    def read(self, stream):
        return Odd(int(stream.read()))


class MyFigure(Figure):
    pass


def figure(cls=Figure):
    fig = cls(figsize=(2, 1), dpi=50)
    fig.subplots().plot([1, 2, 3])
    return fig


@pytest.fixture(autouse=True)
def _formats(monkeypatch):
    """Registered formats are the process's; each test begins with none."""
    monkeypatch.setattr(extensions, "_registered", {})


@pytest.fixture
def other(tracker, tmp_path):
    """A machine that has the store and nothing else."""
    with Tracker(tmp_path / "elsewhere", tmp_path / "other.lmdb", store=tracker.store_url, durable=False) as made:
        yield made


PLAIN = [
    None,
    True,
    {"a": None},
    (1, [2, {3}], frozenset({"x"})),
    {1: "int", (2, 3): "tuple", None: 0},
    dt.datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=dt.timezone(dt.timedelta(hours=2))),
    dt.timedelta(days=-1, microseconds=5),
    Decimal("1.10"),
    np.float32(0.1),
    np.datetime64("2026-01-02"),
    Result(0.5, dt.datetime(2026, 1, 2, tzinfo=dt.UTC)),
    [Result(0.5, dt.datetime(2026, 1, 2, tzinfo=dt.UTC))],
    {"latest": pd.Timestamp("2020-01-01", tz="Europe/Zurich"), "n": 3},
    pd.Timestamp("2020-01-01 00:00:00.123456789"),
    [pd.Timedelta(days=1), pd.Period("2020-01")],
    collections.Counter("abracadabra"),
    {"words": collections.defaultdict(list, a=[1]), "last": collections.deque([1, 2], maxlen=2)},
]


@pytest.mark.parametrize("value", PLAIN, ids=lambda value: type(value).__name__)
def test_plain_values_come_back_of_the_same_type(tracker, other, value):
    def make():
        return value

    code = consist.CodeOptions(version="1")
    tracker.run(make, name="make", code_options=code, outputs=["out"])
    for machine in (tracker, other):
        again = machine.run(make, name="make", code_options=code, outputs=["out"])
        assert again.cache_hit
        assert (again.value, type(again.value)) == (value, type(value))


@pytest.mark.parametrize("make", [figure, lambda: figure(MyFigure)])
def test_a_figure_is_kept_as_a_png(tracker, other, make):
    def chart():
        return make()

    code = consist.CodeOptions(version="1")
    first = tracker.run(chart, outputs=["chart"], code_options=code)
    assert isinstance(first.value, Figure)
    again = other.run(chart, outputs=["chart"], code_options=code)
    artifact = again.outputs["chart"]
    assert (again.cache_hit, artifact.format, type(again.value)) == (True, "png", Png)
    assert artifact.path.name == "chart.png"
    assert artifact.path.read_bytes() == again.value == artifact.read_bytes()
    assert "png image, 100 x 50" in repr(artifact)
    assert 'src="data:image/png;base64,' in artifact._repr_html_()

    def size(chart):
        return len(chart)

    used = other.run(size, inputs={"chart": artifact})
    assert used.value == len(again.value)


@pytest.mark.parametrize(
    ("value", "name"),
    [
        ({"a": 1}, "out.msgpack"),
        (b"x", "out.bin"),
        (np.ones(3), "out.npy"),
        (pd.DataFrame({"a": [1]}), "out.parquet"),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
def test_a_path_ends_as_other_programs_expect(tracker, value, name):
    result = tracker.run(lambda: value, name="make", outputs=["out"], code_options=consist.CodeOptions(version="1"))
    path = result.outputs["out"].path
    assert path.name == name
    assert path.read_bytes() == result.outputs["out"].read_bytes()
    if name.endswith(".parquet"):
        pd.testing.assert_frame_equal(pd.read_parquet(path), value)


def test_a_key_that_has_the_suffix_gets_no_second_one(tracker):
    result = tracker.run(lambda: {"a.npy": np.ones(2)}, name="make")
    assert result.outputs["a.npy"].path.name == "a.npy"


@pytest.mark.parametrize("value", [bytearray(b"x"), {"a": [bytearray(b"x")]}, [(1, memoryview(b"x"))]])
def test_what_would_come_back_as_bytes_is_said(tracker, value):
    code = consist.CodeOptions(version="1")
    with pytest.warns(errors.UncacheableWarning, match="would come back as bytes"):
        result = tracker.run(lambda: value, name="make", code_options=code, outputs=["x", "y"][:1])
    assert (result.value, result.outputs) == (value, {})


def test_a_table_under_a_key_that_is_no_name_says_so(tracker):
    frame = pd.DataFrame({"a": [1]})
    with pytest.warns(
        errors.UncacheableWarning, match=r"'a/b' cannot name an output: it holds '/', so the dict is one value, and"
    ):
        tracker.run(lambda: {"fine": 1, "a/b": frame}, name="make", code_options=consist.CodeOptions(version="1"))


def test_a_value_without_a_format_says_what_to_do_and_the_others_are_kept(tracker):
    with pytest.warns(errors.UncacheableWarning, match=r"output 'odd': a value of type Odd has no format"):
        result = tracker.run(lambda: {"n": 1, "odd": Odd(2)}, name="make")
    assert (list(result.outputs), result.value) == (["n"], {"n": 1, "odd": Odd(2)})


def test_a_model_without_a_format_names_pickle_and_added_formats(tracker):
    with pytest.warns(errors.UncacheableWarning, match=r"allow_pickle=True.*consist\.register_format"):
        tracker.run(lambda: LinearRegression().fit([[1], [2]], [1, 2]), name="fit")


def test_a_fitted_model_is_pickled_found_again_and_an_input(tmp_path):
    def fit():
        return LinearRegression().fit([[1], [2]], [2, 4])

    def predict(model):
        return round(float(model.predict([[5]])[0]), 6)

    with Tracker(tmp_path / "r", tmp_path / "p.lmdb", durable=False, allow_pickle=True) as careless:
        fitted = careless.run(fit, outputs=["model"])
        assert careless.run(fit, outputs=["model"]).cache_hit
        for hit in (False, True):
            result = careless.run(predict, inputs={"model": fitted.outputs["model"]})
            assert (result.value, result.cache_hit) == (10.0, hit)


def test_a_registered_format_is_used_and_needed(tracker, other):
    consist.register_format(OddFormat())
    call = {"name": "make", "code_options": consist.CodeOptions(version="1")}
    artifact = tracker.run(lambda: {"odd": Odd(7)}, **call).outputs["odd"]
    assert (artifact.format, artifact.read_bytes(), artifact.path.name) == ("odd", b"7", "odd.odd")
    assert other.run(lambda: None, **call).value == {"odd": Odd(7)}
    extensions._registered.clear()
    with pytest.raises(errors.OutputError, match=r"'odd' cannot be loaded: the format 'odd' is not known here"):
        other.load_run_output("steps/make/odd")
    assert artifact.path.read_bytes() == b"7"
    assert "odd" in repr(artifact)


def test_a_large_value_of_a_registered_format(tracker):
    consist.register_format(OddFormat())
    result = tracker.run(lambda: Odd(int("7" * 4200)), name="make")
    assert (result.outputs["value"].record.inline, result.outputs["value"].size) == (None, 4200)
    assert result.outputs["value"].load() == Odd(int("7" * 4200))


def test_a_registered_format_may_take_what_a_built_in_one_cannot_hold(tracker):
    class Many(OddFormat):
        name = "many"

        def matches(self, value):
            return type(value) is list and all(type(item) is Odd for item in value)

        def write(self, value, stream):
            stream.write(b",".join(str(item.value).encode() for item in value))

        def read(self, stream):
            return [Odd(int(text)) for text in stream.read().split(b",")]

    consist.register_format(Many())
    result = tracker.run(lambda: [Odd(1), Odd(2)], name="make")
    assert result.outputs["value"].load() == [Odd(1), Odd(2)]
    assert tracker.run(lambda: [1, 2], name="numbers").outputs["value"].format == "plain"


def test_a_format_that_fails_loses_nothing(tracker):
    class Broken(OddFormat):
        def write(self, value, stream):
            stream.write(b"half")
            raise RuntimeError(f"no disk for {value}")

    class Older(Broken):
        name = "older"

    consist.register_format(Older())
    consist.register_format(Broken())
    with pytest.warns(errors.UncacheableWarning, match="format 'odd' cannot write an Odd: RuntimeError: no disk for"):
        result = tracker.run(lambda: {"n": 1, "odd": Odd(2)}, name="make")
    assert list(result.outputs) == ["n"]


def test_of_a_value_that_a_built_in_format_takes_and_cannot_hold_the_added_ones_reason_is_said(tracker):
    class Many(OddFormat):
        name = "many"

        def matches(self, value):
            return type(value) is list

        def write(self, value, stream):
            raise RuntimeError(f"no projection set for {value}, {stream}")

    consist.register_format(Many())
    with pytest.warns(errors.UncacheableWarning, match="the format 'many' cannot write a list: .*no projection set"):
        tracker.run(lambda: [Odd(1)], name="make")


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"name": "parquet"}, "the format 'parquet' is built in"),
        ({"name": "a/b"}, "cannot name a format"),
        ({"suffix": "odd"}, "the suffix of the format 'odd' is 'odd'"),
        ({"suffix": "../x"}, "the suffix of the format"),
    ],
)
def test_a_format_that_is_none_is_refused(change, match):
    with pytest.raises(errors.UsageError, match=match):
        consist.register_format(type("Changed", (OddFormat,), change)())


def test_what_a_format_lacks_is_said():
    with pytest.raises(errors.UsageError, match=r"an object is no format: it lacks name, suffix, matches, write, read"):
        consist.register_format(object())


PACKAGE = """
class Format:
    name, suffix = "odd", ".odd"
    def matches(self, value): return type(value).__name__ == "Odd"
    def write(self, value, stream): stream.write(b"odd")
    def read(self, stream): return "read back by the package"
"""
PROGRAM = """
import sys, warnings, consist
class Odd: pass
def number(): return 1
def odd(): return Odd()
t = consist.Tracker(run_dir="runs", db_path="index.lmdb", durable=False)
t.run(number)
assert "odd_package" not in sys.modules and "importlib.metadata" not in sys.modules
with warnings.catch_warnings(record=True) as said:
    warnings.simplefilter("always")
    print(t.run(odd).outputs["value"].format, t.run(odd).value)
print([str(each.message) for each in said])
t.close()
"""


def test_a_package_brings_a_format_which_is_loaded_when_it_is_needed(tmp_path):
    """Three entry points: one works, the others do not, which is warned of."""
    (tmp_path / "odd_package.py").write_text(PACKAGE)
    info = tmp_path / "odd_package-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: odd-package\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[consist.formats]\na = odd_package:Nothing\nb = odd_package:Format\nodd = odd_package:Format\n"
    )
    (tmp_path / "program.py").write_text(PROGRAM)
    done = subprocess.run([sys.executable, "program.py"], cwd=tmp_path, capture_output=True, text=True, check=True)
    first, second = done.stdout.splitlines()
    assert first == "odd read back by the package"
    assert "the format 'a' (odd_package:Nothing) cannot be used: module 'odd_package' has no attribute" in second
    assert "the format 'b' (odd_package:Format) cannot be used: it calls itself 'odd'" in second
    assert second.count("cannot be used") == 2


def test_pickle_only_if_it_is_allowed(tracker, tmp_path):
    value = {1: Odd(3)}
    code = consist.CodeOptions(version="1")
    with Tracker(
        tmp_path / "r", tmp_path / "p.lmdb", store=tracker.store_url, durable=False, allow_pickle=True
    ) as careless:
        result = careless.run(lambda: value, name="make", code_options=code)
        artifact = result.outputs["value"]
        assert (artifact.format, artifact.path.name) == ("pickle", "value.pickle")
        again = careless.run(lambda: value, name="make", code_options=code)
        assert (again.cache_hit, again.value) == (True, value)
        assert careless.run(lambda: [1], name="plain").outputs["value"].format == "plain"
    hit = tracker.run(lambda: value, name="make", code_options=code)
    assert hit.cache_hit
    assert "pickle" in repr(hit.outputs["value"])
    with pytest.raises(errors.OutputError, match=r"'value' cannot be loaded: it is a pickle.*allow_pickle=True"):
        hit.value  # noqa: B018 - the access is the test
    assert hit.outputs["value"].read_bytes() == artifact.read_bytes()


def test_what_cannot_be_pickled_is_said(tmp_path):
    with Tracker(tmp_path / "r", tmp_path / "p.lmdb", durable=False, allow_pickle=True) as careless:
        with pytest.warns(
            errors.UncacheableWarning, match="function has no format, and a list cannot be pickled"
        ) as told:
            result = careless.run(lambda: [lambda: 1], name="make")
        assert result.outputs == {}
        assert "allow_pickle" not in str(told[0].message)


def test_an_array_of_objects_is_never_npy(tracker, tmp_path):
    array = np.array([{"a": 1}, None], dtype=object)
    with pytest.warns(errors.UncacheableWarning, match="holds Python objects"):
        tracker.run(lambda: array, name="make", code_options=consist.CodeOptions(version="1"))
    with Tracker(tmp_path / "r", tmp_path / "p.lmdb", durable=False, allow_pickle=True) as careless:
        result = careless.run(lambda: array, name="make", code_options=consist.CodeOptions(version="1"))
        assert result.outputs["value"].format == "pickle"
        assert result.outputs["value"].load().tolist() == array.tolist()


def test_a_program_that_writes_no_formats_imports_none():
    code = "import sys, consist; print('consist.runs.formats.extensions' in sys.modules, Path)"
    done = subprocess.run(
        [sys.executable, "-c", code.replace(", Path", "")], capture_output=True, text=True, check=True, cwd=Path.cwd()
    )
    assert done.stdout.split() == ["False"]
