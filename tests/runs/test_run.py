"""The main job, seen from outside: what runs, what does not, and what comes back."""

from __future__ import annotations

import datetime as dt
import decimal
import json
import pickle
import sys
import types
import uuid
import warnings
from pathlib import Path

import pytest

from consist import CacheOptions, CodeOptions, ExecutionOptions, Tracker, errors


@pytest.fixture(autouse=True)
def _in_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def calls() -> int:
    path = Path("calls")
    return len(path.read_text().splitlines()) if path.exists() else 0


def count():
    with Path("calls").open("a") as file:
        file.write("x\n")


def double(value):
    count()
    return {"doubled": value * 2}


def test_second_call_is_a_hit_and_gives_the_same(tracker):
    first = tracker.run(double, config={"value": 21})
    second = tracker.run(double, config={"value": 21})
    assert calls() == 1
    assert (first.cache_hit, second.cache_hit) == (False, True)
    assert first.run.id == second.run.id
    assert first.outputs == second.outputs
    assert first.value == second.value == {"doubled": 42}


def test_another_config_is_another_run(tracker):
    tracker.run(double, config={"value": 1})
    other = tracker.run(double, config={"value": 2})
    assert other.value == {"doubled": 4}
    assert calls() == 2


@pytest.mark.parametrize("other", [1.0, True, "1"])
def test_types_in_config_count(tracker, other):
    tracker.run(double, config={"value": 1})
    assert not tracker.run(double, config={"value": other}).cache_hit


def test_order_of_config_does_not_count(tracker):
    def add(a, b):
        return a + b

    tracker.run(add, config={"a": 1, "b": 2})
    assert tracker.run(add, config={"b": 2, "a": 1}).cache_hit


def test_another_name_is_another_step(tracker):
    tracker.run(double, name="one", config={"value": 1})
    assert not tracker.run(double, name="two", config={"value": 1}).cache_hit


def test_a_new_tracker_on_the_same_store_hits(tracker, tmp_path):
    tracker.run(double, config={"value": 3})
    tracker.close()
    with Tracker(run_dir=tmp_path / "other runs", db_path=tmp_path / "index.lmdb") as again:
        assert again.run(double, config={"value": 3}).cache_hit
    assert calls() == 1


def test_config_keys_that_are_no_parameters_are_only_hashed(tracker):
    tracker.run(double, config={"value": 3, "note": "a"})
    assert not tracker.run(double, config={"value": 3, "note": "b"}).cache_hit


def test_runtime_kwargs_are_passed_and_not_hashed(tracker):
    def scale(value, factor):
        return value * factor

    options = ExecutionOptions(runtime_kwargs={"factor": 2}, runtime_only=["factor"])
    assert tracker.run(scale, config={"value": 3}, execution_options=options).value == 6
    other = ExecutionOptions(runtime_kwargs={"factor": 5}, runtime_only=["factor"])
    assert tracker.run(scale, config={"value": 3}, execution_options=other).value == 6


def test_runtime_kwargs_without_config_are_warned_of_once(tracker):
    def shift(value, by):
        return value + by

    options = ExecutionOptions(runtime_kwargs={"by": 2})
    with pytest.warns(errors.IdentityWarning, match="'by' of step 'shift_once'"):
        tracker.run(shift, name="shift_once", config={"value": 3}, execution_options=options)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        tracker.run(shift, name="shift_once", config={"value": 4}, execution_options=options)


def test_config_and_runtime_kwargs_must_agree(tracker):
    same = ExecutionOptions(runtime_kwargs={"value": 5})
    assert tracker.run(double, config={"value": 5}, execution_options=same).value == {"doubled": 10}
    other = ExecutionOptions(runtime_kwargs={"value": 6})
    with pytest.raises(errors.UsageError, match=r"'value' is 5 in config and 6 in runtime_kwargs"):
        tracker.run(double, config={"value": 5}, execution_options=other)
    assert calls() == 1


VALUES = [
    None,
    True,
    0,
    -(2**63),
    2**200,
    1.5,
    "text",
    "\N{SNOWMAN}",
    b"bytes",
    [1, [2, "x"]],
    (1, (2, [3])),
    {1, 2, 3},
    frozenset("ab"),
    {"not a/name": 1},
    {1: 2, (3, 4): 5},
    {},
    1 + 2j,
    decimal.Decimal("1.10"),
    uuid.UUID(int=5),
    dt.datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=dt.UTC),
    dt.date(2026, 1, 2),
    dt.timedelta(days=1, microseconds=3),
    "x" * 100_000,
    list(range(10_000)),
]


@pytest.mark.parametrize("value", VALUES, ids=[f"{n}-{type(v).__name__}" for n, v in enumerate(VALUES)])
def test_values_come_back_as_they_were(tracker, value):
    def give(value):
        return value

    options = ExecutionOptions(runtime_kwargs={"value": value}, runtime_only=["value"])
    tracker.run(give, execution_options=options)
    back = tracker.run(give, execution_options=options)
    assert back.cache_hit
    assert back.value == value
    assert type(back.value) is type(value)


def test_numpy_scalars_come_back(tracker):
    np = pytest.importorskip("numpy")

    def mean():
        return {"mean": np.float64(1.5), "count": np.int32(3)}

    tracker.run(mean)
    back = tracker.run(mean)
    assert back.cache_hit
    assert [type(item) for item in back.value.values()] == [np.float64, np.int32]
    assert back.value == {"mean": 1.5, "count": 3}


def test_a_dict_is_one_artifact_a_key_in_order(tracker):
    def both():
        return {"b": 1, "a": [2]}

    result = tracker.run(both)
    assert list(result.outputs) == ["b", "a"]
    assert result.outputs["a"].load() == [2]
    assert repr(result.outputs["b"]).startswith("<Artifact b = 1 (plain, 1 B, ")


def test_declared_outputs_name_values(tracker):
    def pair():
        return 1, "two"

    result = tracker.run(pair, outputs=["one", "two"])
    assert {key: artifact.load() for key, artifact in result.outputs.items()} == {"one": 1, "two": "two"}
    assert tracker.run(pair, outputs=["one", "two"]).value == (1, "two")
    assert not tracker.run(pair, outputs=["pair"]).cache_hit


def test_declared_outputs_that_are_not_returned_are_an_error(tracker):
    def one():
        return {"a": 1}

    with pytest.raises(errors.OutputError, match="declared output 'b' was not returned"):
        tracker.run(one, outputs=["a", "b"])
    assert [run.status for run in tracker.find_runs()] == ["failed"]


def test_exceptions_pass_through_and_are_not_cached(tracker):
    class OwnError(Exception):
        pass

    raised = OwnError("no luck")

    def fail():
        count()
        raise raised

    for _ in range(2):
        with pytest.raises(OwnError) as caught:
            tracker.run(fail, name="fail")
        assert caught.value is raised
    assert calls() == 2
    runs = tracker.find_runs(step="fail")
    assert [run.status for run in runs] == ["failed", "failed"]
    assert runs[0].record.error == ("OwnError", "no luck")
    assert runs[0].signature is None


def test_a_value_without_a_format_reaches_the_caller_and_is_not_cached(tracker):
    class Odd:
        pass

    def make():
        count()
        return {"odd": Odd(), "fine": 1}

    for _ in range(2):
        with pytest.warns(errors.UncacheableWarning, match="output 'odd': a value of type .*Odd has no format"):
            result = tracker.run(make, name="odd")
    assert isinstance(result.value["odd"], Odd)
    assert list(result.outputs) == ["fine"]
    assert calls() == 2


def test_missing_arguments_are_a_usage_error(tracker):
    with pytest.raises(errors.UsageError, match=r"double\(value\) cannot be called: missing a required argument"):
        tracker.run(double)
    assert calls() == 0


def test_unencodable_config_names_its_path(tracker):
    with pytest.raises(errors.UnencodableError, match=r'config\["model"\]\["sigma"\]\[1\]: an object of type object'):
        tracker.run(double, config={"value": 1, "model": {"sigma": [0, object()]}})
    assert not (tracker.db_path.parent / "index.store" / "results").exists()


@pytest.mark.parametrize("name", ["", "..", "a/b", "a\x1b[0m", "x" * 300, 7])
def test_bad_step_names_are_refused(tracker, name):
    with pytest.raises(errors.UsageError, match="cannot name a step"):
        tracker.run(double, name=name, config={"value": 1})


def test_a_function_that_changes_its_own_identity_is_told_so(tracker):
    scope = {"total": 0}
    exec("def add():\n    global total\n    total += 1\n    return total\n", scope)  # noqa: S102 - a module of its own, with a global
    with pytest.warns(errors.IdentityWarning, match="total"):
        tracker.run(scope["add"])


def test_overwrite_runs_again_and_replaces(tracker):
    first = tracker.run(double, config={"value": 1})
    second = tracker.run(double, config={"value": 1}, cache_options=CacheOptions(cache_mode="overwrite"))
    assert calls() == 2
    assert not second.cache_hit
    assert second.run.id != first.run.id
    assert tracker.run(double, config={"value": 1}).run.id == second.run.id
    kept = tracker.get_run(first.run.id)
    assert (kept.status, kept.signature) == ("completed", None)


def test_off_runs_always_and_leads_nowhere(tracker):
    off = CacheOptions(cache_mode="off")
    for _ in range(2):
        assert not tracker.run(double, config={"value": 1}, cache_options=off).cache_hit
    assert not tracker.run(double, config={"value": 1}).cache_hit
    assert calls() == 3
    assert len(tracker.find_runs()) == 3


def test_readonly_writes_nothing(tracker, tmp_path):
    readonly = CacheOptions(cache_mode="readonly")
    tracker.run(double, config={"value": 1})
    store = tmp_path / "index.store"
    before = sorted(path for path in store.rglob("*") if path.is_file())
    miss = tracker.run(double, config={"value": 2}, cache_options=readonly)
    assert miss.value == {"doubled": 4}
    assert miss.outputs["doubled"].load() == 4
    assert tracker.run(double, config={"value": 1}, cache_options=readonly).cache_hit
    assert sorted(path for path in store.rglob("*") if path.is_file()) == before


def test_unknown_cache_mode_is_refused():
    with pytest.raises(errors.UsageError, match="cache_mode is 'resue'"):
        CacheOptions(cache_mode="resue")


def test_a_run_within_a_run_is_its_child(tracker):
    def outer():
        return tracker.run(double, config={"value": 4}).value["doubled"]

    result = tracker.run(outer)
    assert result.value == 8
    child = tracker.find_runs(step="double")[0]
    assert child.record.parent == result.run.id


def test_a_function_that_runs_itself_does_not_wait_for_itself(tracker):
    depth: list[int] = []

    def again():
        depth.append(1)
        if len(depth) < 3:
            tracker.run(again)
        return "done"

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert tracker.run(again).value == "done"


def test_context_is_injected(tracker, tmp_path):
    def work(_consist_ctx):
        file = _consist_ctx.run_dir / "out.txt"
        file.write_text("made here")
        return file

    result = tracker.run(work, execution_options=ExecutionOptions(inject_context=True))
    assert result.value.read_text() == "made here"
    assert result.value == tmp_path / "runs" / "work" / result.run.id / "out.txt"


def test_hits_are_counted(tracker):
    run_id = tracker.run(double, config={"value": 1}).run.id
    for _ in range(3):
        tracker.run(double, config={"value": 1})
    tracker.close()
    assert tracker.store.index.hits(run_id).count == 3


def test_config_is_kept_readable(tracker):
    tracker.run(double, config={"value": 1, "model": {"shape": (2, 3), "when": dt.date(2026, 1, 2)}})
    run = tracker.find_runs()[0]
    assert run.config == {"value": 1, "model": {"shape": [2, 3], "when": "2026-01-02"}}
    json.dumps(run.config)


def test_tags_and_description_are_no_part_of_the_signature(tracker):
    tracker.run(double, config={"value": 1}, tags=["b", "a"], description="first", facet={"k": 1})
    assert tracker.run(double, config={"value": 1}, tags=["c"]).cache_hit
    record = tracker.find_runs()[0].record
    assert (record.tags, record.description, record.facet) == (("a", "b"), "first", {"k": 1})


def test_a_run_is_found_by_the_beginning_of_its_id(tracker):
    run = tracker.run(double, config={"value": 1}).run
    assert tracker.get_run(run.id[:8]).id == run.id
    with pytest.raises(errors.RunNotFoundError):
        tracker.get_run("zz")


def test_the_methods_of_a_class_that_only_the_config_has_count(tracker, monkeypatch):
    def module(factor):
        made = types.ModuleType("settings_of_a_test")
        monkeypatch.setitem(sys.modules, made.__name__, made)
        body = f"class Scale:\n    by: int\n    def apply(self, x):\n        return x * self.by * {factor}\n"
        exec("import dataclasses\n@dataclasses.dataclass\n" + body, vars(made))  # noqa: S102 - a module, edited
        return made.Scale

    def work(scale):
        return scale.apply(10)

    assert tracker.run(work, config={"scale": module(1)(2)}).value == 20
    assert tracker.run(work, config={"scale": module(1)(2)}).cache_hit
    assert tracker.run(work, config={"scale": module(3)(2)}).value == 60


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ({"facet": [1]}, "facet is a list"),
        ({"facet": {"a/b": 1}}, "cannot name a facet"),
        ({"description": 5}, "description is 5"),
        ({"tags": "abc"}, "tags is 'abc'"),
        ({"tags": ["a/b"]}, "cannot name a tag"),
        ({"inputs": {"value": __file__}}, "'value' is in config and in inputs"),
    ],
)
def test_what_could_not_be_recorded_is_refused_before_anything_runs(tracker, bad, message):
    with pytest.raises(errors.UsageError, match=message):
        tracker.run(double, config={"value": 1}, **bad)
    assert calls() == 0


def test_odd_texts_are_recorded_readably(tracker):
    tracker.run(double, config={"value": 1}, description="lone \ud800", facet={"f": "\ud800", "n": 2**70})
    again = tracker.run(double, config={"value": 1})
    assert again.cache_hit
    assert tracker.find_runs()[0].record.description == "lone ?"


def test_a_dict_with_keys_that_are_no_plain_text_is_one_value(tracker):
    np = pytest.importorskip("numpy")

    def tally():
        return dict(zip(*np.unique(["a", "b", "a"], return_counts=True), strict=True))

    tracker.run(tally)
    again = tracker.run(tally)
    assert again.cache_hit
    assert list(again.outputs) == ["value"]
    assert again.value == {"a": 2, "b": 1}
    assert {type(key) for key in again.value} == {np.str_}


def test_an_exception_that_cannot_be_printed_passes_through_and_is_recorded(tracker):
    class OddError(Exception):
        def __str__(self):
            raise RuntimeError("no text")

    def fail():
        raise OddError

    with pytest.raises(OddError):
        tracker.run(fail)
    assert tracker.find_runs()[0].record.error == ("OddError", "(its message cannot be read)")


def test_any_keyword_function_gets_the_whole_config(tracker):
    def work(**settings):
        return sorted(settings)

    assert tracker.run(work, config={"b": 1, "a": 2}).value == ["a", "b"]


def test_code_options_replace_add_and_leave_out(tracker, tmp_path):
    scope: dict[str, object] = {"__name__": "job", "SCALE": 1}
    exec("def work():\n    return SCALE\n", scope)  # noqa: S102 - a module of its own, with a global
    work = scope["work"]
    table = tmp_path / "table.txt"
    table.write_text("1")
    versioned, ignoring = CodeOptions(version="1"), CodeOptions(ignore=["SCALE"])
    depending = CodeOptions(depends_on=[table])
    for options in (None, versioned, ignoring, depending):
        assert not tracker.run(work, code_options=options).cache_hit
        assert tracker.run(work, code_options=options).cache_hit
    scope["SCALE"] = 2
    assert not tracker.run(work).cache_hit
    assert tracker.run(work, code_options=versioned).cache_hit
    assert not tracker.run(work, code_options=CodeOptions(version="2")).cache_hit
    assert tracker.run(work, code_options=ignoring).cache_hit
    tracker.run(work, code_options=depending)
    table.write_text("2")
    assert not tracker.run(work, code_options=depending).cache_hit
    notes = {note for run in tracker.find_runs() for note in run.record.notes}
    assert {"code option version: '2'", "code option ignore: ['SCALE']"} <= notes


@pytest.mark.parametrize(("sharing", "mode"), [("private", 0o700), ("group-read", 0o2750), ("group", 0o2770)])
def test_a_store_is_shared_as_its_tracker_makes_it(tmp_path, sharing, mode):
    for given in (sharing, "private"):  # one that is there keeps what it was made with
        with Tracker(tmp_path / "runs", tmp_path / "i.lmdb", durable=False, sharing=given) as tracker:
            tracker.run(double, config={"value": len(given)})
            folders = [path for path in Path(tracker.store_url).rglob("*") if path.is_dir()]
            if sharing == "group-read":  # who may only read takes no locks
                folders.remove(Path(tracker.store_url, "locks"))
            assert {path.stat().st_mode & 0o7777 for path in folders} == {mode}
            assert json.loads(Path(tracker.store_url, "consist.json").read_text())["sharing"] == sharing


class Guarded:
    """Something that must not be asked to show itself."""

    def __repr__(self):
        raise RuntimeError("hunter2")


def test_notes_of_code_options_hold_no_values(tracker, tmp_path):
    table = tmp_path / "t"
    table.write_text("1")
    options = CodeOptions(
        code=[{"password": "hunter2"}, "hunter2", double, table],
        ignore=[Guarded(), {"hunter2"}, "SCALE"],
        depends_on=[table],
    )
    notes = tracker.run(lambda: 1, name="work", code_options=options).run.record.notes
    home = __name__.rpartition(".")[2]
    assert notes[0].startswith("code option code: ['dict', 'str', '")
    assert f"{home}.double', " in notes[0]
    assert notes[1] == "code option ignore: ['Guarded', 'set', 'SCALE']"
    assert notes[2] == f"code option depends_on: {[str(table)]}"[:225]
    assert "hunter2" not in "".join(notes)


def test_an_option_that_is_no_list_is_not_asked_to_show_itself():
    with pytest.raises(errors.UsageError, match=r"code is a Guarded \(give a list: \[…\]\)"):
        CodeOptions(code=Guarded())


def reaching(**things):
    """Return a function of a module of its own for each thing, which holds what cannot be hashed."""
    scope: dict[str, object] = {"__name__": "job", **things}
    exec("".join(f"def of_{name}():\n    return {name} is None\n" for name in things), scope)  # noqa: S102 - a module
    return [scope[f"of_{name}"] for name in things]


def test_code_that_cannot_be_hashed_is_warned_of_once_for_each_reason(tracker):
    first, second = reaching(one=iter("a"), two=iter("b"))
    step = "warned of for each reason"
    for fn, name in ((first, "one"), (second, "two")):
        with pytest.warns(errors.UncacheableWarning, match=rf"step '{step}' is not cached: .*job:{name}") as said:
            result = tracker.run(fn, name=step)
        assert len(said) == 1
        assert not result.cache_hit
        assert result.run.record.signature is None
    assert not tracker.run(first, name=step).cache_hit  # and says nothing: a warning is an error here


def test_a_strict_tracker_refuses_code_that_cannot_be_hashed(tmp_path):
    (fn,) = reaching(one=iter("a"))
    with Tracker(run_dir=tmp_path / "r", db_path=tmp_path / "i.lmdb", strict=True) as tracker:
        with pytest.raises(errors.UsageError, match=r"step 'strictly' is not cached: .*job:one"):
            tracker.run(fn, name="strictly")
        assert tracker.find_runs() == []


@pytest.mark.parametrize("kind", [bytearray, memoryview])
def test_what_would_come_back_as_bytes_is_not_cached(tracker, kind):
    with pytest.warns(errors.UncacheableWarning, match=f"a {kind.__name__} would come back as bytes"):
        result = tracker.run(lambda: kind(b"xy"), name="buffer")
    assert type(result.value) is kind


def test_results_travel_to_other_processes(tracker):
    made = tracker.run(pow, config={"base": 2, "exp": 5})
    for result in (made, tracker.run(pow, config={"base": 2, "exp": 5})):
        there = pickle.loads(pickle.dumps(result))  # noqa: S301 - our own
        assert (there.value, there.run.id, there.cache_hit) == (32, made.run.id, result.cache_hit)
        assert there.outputs["value"].load() == 32
    uncached = tracker.run(pow, config={"base": 2, "exp": 5}, cache_options=CacheOptions(cache_mode="off"))
    assert pickle.loads(pickle.dumps(uncached)).value == 32  # noqa: S301 - the same


@pytest.mark.parametrize("name", ["execution_options", "cache_options", "code_options", "output_policy"])
@pytest.mark.parametrize("given", [{}, {"cache_mode": "off"}, 3])
def test_options_of_another_kind_are_refused_before_anything_runs(tracker, name, given):
    ran = []
    with pytest.raises(errors.UsageError, match=f"{name} is (a dict|3)"):
        tracker.run(lambda: ran.append(1), name="x", **{name: given})
    assert ran == []


@pytest.mark.parametrize(
    "reading", ["MADE.outputs['n'].load()", "MADE.value['n']", "ART.load()", "KEPT['a'][0].load()"]
)
def test_what_a_step_reads_of_an_earlier_result_counts(reading, tracker):
    space = {"__name__": "job"}
    exec(f"def up(n, other): return {{'n': n}}\ndef down(): return {reading} * 10\n", space)  # noqa: S102 - a notebook's cells
    seen = []
    for n, other in ((1, 0), (2, 0), (1, 0), (1, 1)):
        space["MADE"] = made = tracker.run(space["up"], config={"n": n, "other": other})
        space["ART"] = made.outputs["n"]
        space["KEPT"] = {"a": [made.outputs["n"]]}
        ran = tracker.run(space["down"])
        seen.append((ran.cache_hit, ran.value))
    assert seen == [(False, 10), (False, 20), (True, 10), (True, 10)], (
        "the last was made by another run, of equal content"
    )


def test_a_digest_or_run_that_a_step_reads_counts(tracker):
    space = {"__name__": "job"}
    exec("def down(): return str(D), R.config\n", space)  # noqa: S102 - a notebook's cells
    hits = []
    for value in (1, 2, 1):
        made = tracker.run(double, config={"value": value})
        space |= {"D": made.outputs["doubled"].digest, "R": made.run}
        hits.append(tracker.run(space["down"], outputs=["a", "b"]).cache_hit)
    assert hits == [False, False, True]
