"""The outputs of a result, by key: what is said where a key is a slip, and what they count for as code."""

import pickle

import pytest
from blake3 import blake3

from consist import create_tracker
from consist.errors import NotFoundError, OutputError, OutputNotFoundError, UncacheableWarning, UsageError
from tests.meddling import meddle

OUTPUTS = None


def parts() -> dict:
    return {"summary": 1, "table": 2, "log": 3}


def reader() -> int:
    return OUTPUTS["table"].load()


def travelled(value):
    """Return what another process would get."""
    return pickle.loads(pickle.dumps(value))  # noqa: S301 - our own


def test_a_result_of_a_disabled_tracker_travels(tmp_path):
    with create_tracker(enabled=False, run_dir=tmp_path) as tracker:
        result = travelled(tracker.run(parts))
        assert result.value == parts()
        assert result.outputs["table"].load() == 2
        assert tracker.outputs_of(result)["log"].size == result.outputs["log"].size


@pytest.mark.parametrize("enabled", [True, False])
def test_a_slip_names_the_outputs_there_are_the_nearest_first(tmp_path, enabled):
    with create_tracker(enabled=enabled, run_dir=tmp_path / "runs", db_path=tmp_path / "index.lmdb") as tracker:
        result = tracker.run(parts)
        for outputs in (result.outputs, tracker.outputs_of(result), travelled(result).outputs):
            with pytest.raises(OutputNotFoundError) as raised:
                outputs["tabel"]
            assert str(raised.value) == "there is no output 'tabel' (there are table, summary, log)"
    assert isinstance(raised.value, KeyError)
    assert isinstance(raised.value, NotFoundError)
    assert result.outputs.get("tabel") is None
    assert result.outputs == dict(result.outputs)


def test_a_run_without_outputs_says_so(tracker):
    with pytest.raises(KeyError, match=r"there is no output 'value' \(the run has no outputs"):
        tracker.run(print, outputs=[]).outputs["value"]


class Odd:
    """Of no format."""


def test_an_output_that_could_not_be_stored_is_told_from_one_that_was_never_made(tracker):
    with pytest.warns(UncacheableWarning, match="has no format"):
        result = tracker.run(lambda: {"it's": Odd(), "n": 1}, name="make")
    for outputs in (result.outputs, travelled(result.outputs), tracker.outputs_of(result.run.id)):
        with pytest.raises(KeyError) as raised:
            outputs["it's"]
        text = str(raised.value)
        assert text.startswith(
            'there is no output "it\'s": it could not be stored: a value of type Odd has no format ('
        )
        with pytest.raises(KeyError, match=r"there is no output 'm' \(there are n\)"):
            outputs["m"]
    with pytest.raises(NotFoundError, match=r"its outputs: n; its note: output \"it's\": a value of type Odd"):
        tracker.load_run_output(result, "it's")


def test_the_list_of_many_outputs_is_cut(tracker):
    result = tracker.run(dict, config={f"k{number:03}": number for number in range(100)})
    with pytest.raises(KeyError, match="and 80 more"):
        result.outputs["nothing like it"]


def test_outputs_in_a_global_count_by_content(tracker, monkeypatch):
    """As a dict of artifacts would: the step that reads them must not be found for others."""
    for value in (1, 2, 1):
        outputs = tracker.run(dict, name="made", config={"table": value}).outputs
        monkeypatch.setitem(globals(), "OUTPUTS", outputs)
        assert tracker.run(reader).value == value
    assert tracker.run(reader).cache_hit


def test_what_a_block_captured_is_asked_the_same_way(tracker, tmp_path):
    with tracker.trace("write") as run, run.capture_outputs(tmp_path / "out", "*.txt") as captured:
        (tmp_path / "out").mkdir()
        (tmp_path / "out" / "note.txt").write_text("note")
    with pytest.raises(OutputNotFoundError, match="there are note"):
        captured.outputs["notes"]


@pytest.mark.parametrize(
    ("given", "written"),
    [
        (lambda result: result.outputs, r"config\['x'\] is an Outputs .*inputs=\{'x': it\[…\]\}"),
        (lambda result: result, r"config\['x'\] is a RunResult .*inputs=\{'x': it\.outputs\[…\]\}"),
        (lambda result: result.outputs["table"], r"config\['x'\] is an Artifact .*inputs=\{'x': it\}"),
    ],
)
def test_outputs_in_a_config_belong_into_inputs(tracker, given, written):
    with pytest.raises(UsageError, match=written):
        tracker.run(parts, config={"x": given(tracker.run(parts))})


@pytest.mark.parametrize(("count", "outputs"), [(1000, 1000), (1001, 1)])
def test_a_dict_of_very_many_keys_is_one_output_and_the_run_says_so(tracker, count, outputs):
    def many(count):
        return {f"k{n}": n for n in range(count)}

    first = tracker.run(many, config={"count": count})
    assert len(first.outputs) == outputs
    assert tracker.run(many, config={"count": count}).value == many(count)
    told = ("the dict has 1,001 keys, and beyond 1,000 it is one output, 'value', not one a key",)
    assert first.run.record.notes == (told if outputs == 1 else ())
    named = tracker.run(many, name="named", config={"count": count}, outputs=["all"])
    assert (list(named.outputs), named.run.record.notes) == (["all"], ())
    numbered = tracker.run(lambda: dict.fromkeys(range(count)), name="no names")
    assert (list(numbered.outputs), numbered.run.record.notes) == (["value"], ())


@pytest.mark.filterwarnings("ignore::consist.errors.UncacheableWarning", "ignore::consist.errors.IdentityWarning")
@pytest.mark.parametrize("enabled", [True, False])
@pytest.mark.parametrize("size", [10, 10_000, 3 << 20])
@pytest.mark.parametrize("often", [2, 3])
def test_a_file_that_somebody_still_writes_is_stored_as_it_was_at_one_moment_or_not(  # noqa: PLR0913, PLR0917 - the cases
    tmp_path, monkeypatch, tracker, enabled, size, often
):
    used = tracker if enabled else create_tracker(enabled=False)
    path = tmp_path / "log"

    def write():
        path.write_bytes(b"0" * size)
        meddle(monkeypatch, path, often)
        return path

    if often == 3:
        with pytest.raises(OutputError, match=r"output 'value': .*log keeps changing while it is read \(wait until"):
            used.run(write).outputs["value"].digest  # noqa: B018 - it is digested then, if there is no store
        return
    assert used.run(write).outputs["value"].digest.hex == blake3(b"2" * size).hexdigest()
