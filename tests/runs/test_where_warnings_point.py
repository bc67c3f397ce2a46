"""A warning points at the user's line, whichever way led into consist."""

from __future__ import annotations

import inspect
import sys
import warnings
from pathlib import Path

import pytest

import consist
from consist import ExecutionOptions, errors


def here() -> int:
    """Return the number of the line that calls."""
    frame = inspect.currentframe()
    assert frame is not None
    assert frame.f_back is not None
    return frame.f_back.f_lineno


class Odd:
    """Something without a format."""


def make(handle=None):
    return Odd()


def lines(call) -> tuple[set[tuple[str, int]], set[type[Warning]]]:
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        call()
    return {(Path(warning.filename).name, warning.lineno) for warning in said}, {warning.category for warning in said}


@pytest.mark.parametrize("way", ["tracker.run", "consist.run", "step.run", "step of the package"])
def test_warnings_of_a_run_point_at_the_call(tracker, way):
    name = f"odd by {way}"
    options = ExecutionOptions(runtime_kwargs={"handle": 1})
    step = tracker.define_step(make, name=name, execution_options=options)
    loose = consist.define_step(make, name=name, execution_options=options)
    at = []

    def by_tracker():
        at.append(here() + 1)
        tracker.run(make, name=name, execution_options=options)

    def by_package():
        at.append(here() + 1)
        consist.run(make, name=name, execution_options=options)

    def by_step():
        at.append(here() + 1)
        step.run()

    def by_loose_step():
        at.append(here() + 1)
        loose.run()

    ways = dict(
        zip(
            ["tracker.run", "consist.run", "step.run", "step of the package"],
            [by_tracker, by_package, by_step, by_loose_step],
            strict=True,
        )
    )
    with consist.use_tracker(tracker):
        found, categories = lines(ways[way])
    assert found == {(Path(__file__).name, at[0])}
    assert categories == {errors.IdentityWarning, errors.UncacheableWarning}


def test_what_a_look_up_finds_damaged_is_said_of_the_call(tracker):
    made = tracker.run(lambda: "x" * 5000, name="large").outputs["value"].digest.hex
    blob = Path(tracker.store_url) / "blobs" / made[:2] / made[2:]
    blob.chmod(0o600)
    blob.unlink()
    at = []

    def again():
        at.append(here() + 1)
        tracker.run(lambda: "x" * 5000, name="large")

    assert lines(again) == ({(Path(__file__).name, at[0])}, {errors.DamagedWarning})


def test_a_run_within_a_run_is_blamed_on_the_line_within(tracker):
    at = []

    def outer():
        at.append(here() + 1)
        tracker.run(make, name="odd within", config={})
        return 1

    found, _ = lines(lambda: tracker.run(outer))
    assert (Path(__file__).name, at[0]) in found


def test_a_capture_that_got_nothing_is_said_of_the_call(tracker, tmp_path):
    options = ExecutionOptions(capture_dir=tmp_path / "out")
    at = []

    def captured():
        at.append(here() + 1)
        tracker.run(print, execution_options=options)

    found, _ = lines(captured)
    assert found == {(Path(__file__).name, at[0])}


def test_what_a_command_wrote_is_said_of_the_call(tracker, tmp_path):
    script = tmp_path / "script.py"
    script.write_text("import sys; open(sys.argv[1], 'w').write('changed')")
    (tmp_path / "named").write_text("as it was")
    at = []

    def command():
        at.append(here() + 1)
        consist.exec([sys.executable, str(script), str(tmp_path / "named")])

    with consist.use_tracker(tracker):
        found, categories = lines(command)
    assert found == {(Path(__file__).name, at[0])}
    assert categories == {errors.UncacheableWarning}
