"""Plain values: containers of `collections` and times of pandas come back as they were; what cannot names its cure."""

from __future__ import annotations

import collections
import datetime as dt
import subprocess
import sys
import zoneinfo
from pathlib import Path, PurePosixPath, PureWindowsPath

import numpy as np
import pandas as pd
import pytest

from consist import errors
from consist.hashing import codec
from consist.hashing.hasher import hash_bytes
from consist.index.records import ArtifactRecord
from consist.runs.formats import plain
from consist.runs.formats.registry import format_for, plain_in

ZURICH = "Europe/Zurich"
TWICE = pd.Timestamp("2020-10-25 02:30")
"""An hour that there was twice in Zurich."""

GOLDEN = {
    "d80a92a7636f756e74657282a16102a16201": collections.Counter("aab"),
    "d80a92a76f72646572656482a16202a16101": collections.OrderedDict([("b", 2), ("a", 1)]),
    "c7110a93a764656661756c7481a16101a3696e74": collections.defaultdict(int, a=1),
    "c70b0a93a764656661756c7480c0": collections.defaultdict(None),
    "c70b0a93a5646571756592010205": collections.deque([1, 2], maxlen=5),
    "c7190b95a954696d657374616d70cf000000e8d4a51000a26e73c000": pd.Timestamp(10**12).as_unit("ns"),
    "c7340b95a954696d657374616d70ce00015180a173c71e0894a474696d65a830303a30303a303000ad4575726f70652f5a757269636800": (
        pd.Timestamp(86400, unit="s", tz=ZURICH).as_unit("s")
    ),
    "c7110b93a954696d6564656c7461cd1388a26d73": pd.Timedelta(5, "s").as_unit("ms"),
    "c70d0b93a6506572696f64cd0258a14d": pd.Period("2020-01"),
    "c7050b91a34e6154": pd.NaT,
}
TIMES = [
    pd.Timestamp("2020-01-01 00:00:00.123456789"),
    pd.Timestamp("2020-01-01").as_unit("s"),
    pd.Timestamp(np.datetime64("200000-01-01", "s")),
    pd.Timestamp("2020-01-01").replace(fold=1),
    pd.Timestamp("2020-01-01", tz="UTC"),
    pd.Timestamp("2020-01-01", tz=ZURICH).as_unit("ms"),
    pd.Timestamp("2020-01-01", tz=dt.timezone(dt.timedelta(hours=2))),
    TWICE.tz_localize(ZURICH, ambiguous=True),
    TWICE.tz_localize(ZURICH, ambiguous=False),
    pd.Timedelta(days=3, nanoseconds=5),
    pd.Timedelta(-5, "s").as_unit("ms"),
    pd.Period("2020-01"),
    pd.Period("2020Q1"),
    pd.Period("2020-01-01", freq="2D"),
    pd.Period("2020-01-06", freq="W-MON"),
    pd.NaT,
    pd.NA,
]


def held(value):
    """All of a value that a program could ask for."""
    names = ("unit", "fold", "tz", "freq", "nanosecond", "default_factory", "maxlen")
    items = (
        list(value.items()) if isinstance(value, dict) else list(value) if isinstance(value, collections.deque) else 0
    )
    return type(value), repr(value), items, [getattr(value, name, None) for name in names]


@pytest.mark.parametrize("value", [*GOLDEN.values(), *TIMES], ids=repr)
def test_it_comes_back_as_it_was_at_any_depth(value):
    assert format_for(value).name == "plain"
    assert held(plain.decode(plain.encode(value))) == held(value)
    nested = {"deep": [(collections.deque([{1: value}]),)]}
    back = plain.decode(plain.encode(nested))
    assert held(back["deep"][0][0][0][1]) == held(value)


@pytest.mark.parametrize("time", [time for time in TIMES if time is not pd.NA], ids=repr)
def test_a_time_may_be_a_key_or_in_a_set(time):
    assert repr(plain.decode(plain.encode({time: 1}))) == repr({time: 1})
    assert repr(plain.decode(plain.encode({time}))) == repr({time})


def test_a_counter_may_count_what_is_no_whole_number():
    counted = collections.Counter({"a": 0, "b": -3, "c": 1.5})
    assert held(plain.decode(plain.encode(counted))) == held(counted)


@pytest.mark.parametrize(("recorded", "value"), GOLDEN.items(), ids=lambda given: repr(given)[:20])
def test_recorded_bytes(recorded, value):
    data = bytes.fromhex(recorded)
    assert plain.encode(value) == data
    assert held(plain.decode(data)) == held(value)


class Mapping(dict):
    """May hold more than its items."""


class Moment(dt.datetime):
    """May be more than its time."""


class More(collections.Counter):
    """The same."""


def with_attribute():
    counter = collections.Counter("a")
    counter.seen = 1
    return counter


@pytest.mark.parametrize(
    ("value", "match"),
    [
        (Mapping(a=1), r"type Mapping has no format \(make it dict\(value\)"),
        (More("a"), r"type More has no format \(make it dict\(value\)"),
        (collections.ChainMap({}), r"make it dict\(value\)"),
        (range(3), r"type range has no format \(make it list\(value\)"),
        ({}.keys(), r"make it list\(value\)"),
        (Moment(2020, 1, 1), r"make it value\.isoformat\(\)"),
        (pd.Timestamp("2020-01-01", tz="dateutil/Europe/Zurich"), r"zone of type tzfile has.*value\.isoformat\(\)"),
        ([pd.Interval(1, 2)], r"type Interval has no format \(make it str\(value\)"),
        (with_attribute(), r"a Counter holds 'seen' beside its items \(make it dict\(value\)\)"),
        (collections.defaultdict(lambda: 0), r"factory is no builtin type .* \(return dict\(value\), or give it"),
        (collections.Counter({"a": bytearray(b"x")}), r"a bytearray within another value would come back as bytes"),
        ([lambda: 1], r"type function has no format \(return plain data"),
    ],
    ids=lambda given: type(given).__name__,
)
def test_what_cannot_be_kept_names_its_cure(value, match):
    with pytest.raises(errors.OutputError, match=match):
        plain.encode(value)


@pytest.mark.parametrize(
    ("code", "content"),
    [
        (10, None),
        (10, ["tree", {}]),
        (10, ["default", {}, "eval"]),
        (10, ["counter", 5]),
        (11, ["DataFrame", 1, "s"]),
        (11, ["Timestamp", 1, "fortnights", None, 0]),
        (11, ["Period", 1, "nonsense"]),
    ],
)
def test_what_no_writer_wrote_is_damage_and_runs_nothing(code, content):
    with pytest.raises(errors.DamagedError):
        plain.decode(codec.pack(codec.ExtType(code, codec.pack(content))))


def test_what_a_newer_consist_wrote_is_said_to_be_newer():
    data = codec.pack({"a": [codec.ExtType(12, codec.pack(["unheard of"]))]})
    with pytest.raises(errors.FormatError, match=r"what a newer consist wrote \(extension 12\) \(upgrade consist\)"):
        plain.decode(data)


PROGRAM = """
import collections, datetime, sys
from consist.runs.formats import plain
for value in (collections.Counter("a"), [collections.deque()], datetime.datetime(2020, 1, 1), {"a": 1}):
    assert plain.decode(plain.encode(value)) == value
print("pandas" in sys.modules)
print(type(plain.decode(bytes.fromhex(sys.argv[1]))), "pandas" in sys.modules)
"""


def test_without_pandas_its_values_say_so_and_nothing_else_does():
    code = (
        "import sys; sys.modules['pandas'] = None\n"
        "from consist.runs.formats import plain\n"
        "print(plain.decode(plain.encode({'a': 1})))\n"
        "try: plain.decode(bytes.fromhex(sys.argv[1]))\n"
        "except Exception as error: print(type(error).__name__, error)\n"
    )
    made = plain.encode([{"when": pd.Timestamp("2020-01-01")}]).hex()
    done = subprocess.run(
        [sys.executable, "-c", code, made], capture_output=True, text=True, check=True, cwd=Path.cwd()
    )
    first, second = done.stdout.splitlines()
    assert first == "{'a': 1}"
    assert second.startswith("OutputError a Timestamp of pandas needs pandas")
    assert second.endswith("(pip install pandas)")


def test_a_zone_is_the_same_by_its_name():
    """One that no other has a part of, as a program makes it that reads the zones anew."""
    time = pd.Timestamp("2020-07-01", tz=zoneinfo.ZoneInfo.no_cache(ZURICH))
    assert repr(plain.decode(plain.encode(time))) == repr(time)


def test_pandas_is_imported_for_its_own_values_only():
    made = plain.encode(pd.Timestamp("2020-01-01")).hex()
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, made], capture_output=True, text=True, check=True, cwd=Path.cwd()
    )
    assert done.stdout.splitlines() == ["False", f"{pd.Timestamp} True"]


@pytest.mark.parametrize("value", [np.float64(0.5), pd.Timestamp("2020-01-01")])
def test_a_value_of_a_library_that_is_not_here_is_not_shown(monkeypatch, value):
    made = plain.encode(value)
    item = ArtifactRecord("value", hash_bytes(made), len(made), "plain", made)
    assert plain_in(item) == (value,)
    for library in ("numpy", "pandas"):
        monkeypatch.setitem(sys.modules, library, None)
    assert plain_in(item) is None


@pytest.mark.parametrize(
    "path", [Path("a"), PurePosixPath("a"), PureWindowsPath("a")], ids=lambda path: type(path).__name__
)
@pytest.mark.parametrize("hold", [lambda path: {"a": path}, lambda path: [(path,)]], ids=["dict", "tuple"])
def test_a_path_within_a_value_is_told_what_to_do(path, hold):
    told = "a Path within another value has no format; "
    if not isinstance(path, Path):
        told = rf"a {type(path).__name__} is a name without a file, and has no format \(make it str\(value\)\)"
    with pytest.raises(errors.OutputError, match=told):
        plain.encode(hold(path))


def test_a_bare_name_of_a_file_is_not_said_to_be_within_another():
    with pytest.raises(errors.OutputError, match=r"^a PurePosixPath is a name without a file, and has no format"):
        plain.encode(PurePosixPath("a"))
