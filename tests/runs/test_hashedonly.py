"""Keys of a config that are no parameters: noted, and warned of once where they look like a slip."""

import warnings

import pytest

import consist
from consist.errors import ConsistWarning


def train(lr=0.1, depth=3):
    return [lr, depth]


def notes_of(result):
    return [note for note in result.run.record.notes if "hashed only" in note]


NOTE = "hashed only, since the function has no such parameter: config "


@pytest.mark.parametrize(("key", "meant"), [("learning_rate", "lr"), ("dept", "depth"), ("Lr", "lr")])
def test_a_key_near_to_a_parameter_at_its_default_is_warned_of_once(tracker, key, meant):
    step = {"name": f"train by {key}"}
    told = f"config '{key}' .* is no parameter: it is hashed only, and '{meant}'"
    with pytest.warns(ConsistWarning, match=told) as said:
        result = tracker.run(train, config={key: 1}, **step)
    assert (len(said), said[0].filename, result.value) == (1, __file__, [0.1, 3])
    assert notes_of(result) == notes_of(tracker.run(train, config={key: 2}, **step)) == [f"{NOTE}{key!r}"]


def test_the_other_way_round_too(tracker):
    def train(learning_rate=0.1):
        return learning_rate

    with pytest.warns(ConsistWarning, match="'learning_rate' stays at its default"):
        tracker.run(train, name="train by lr", config={"lr": 1})


def test_what_is_near_to_a_parameter_that_was_given_is_no_slip(tracker):
    result = tracker.run(train, name="all given", config={"learning_rate": 1, "dept": 2, "lr": 3, "depth": 4})
    assert (result.value, notes_of(result)) == ([3, 4], [f"{NOTE}'learning_rate', 'dept'"])
    given = tracker.run(
        train,
        name="by runtime",
        config={"dept": 2},
        runtime_kwargs={"depth": 4},
        execution_options=consist.ExecutionOptions(runtime_only=["depth"]),
    )
    assert notes_of(given) == [f"{NOTE}'dept'"]


def test_a_function_that_takes_anything_takes_all(tracker):
    assert notes_of(tracker.run(lambda lr=1, **more: [lr, more], name="any", config={"lrr": 2})) == []
    assert notes_of(tracker.run(train, name="known", config={"lr": 2})) == []


def test_many_keys_are_counted(tracker):
    (note,) = notes_of(tracker.run(train, name="many", config={f"other{n}": n for n in range(12)}))
    assert note.endswith("'other9' and 2 more")


def test_a_run_that_fails_has_the_note_and_a_hit_says_nothing(tracker):
    def fail():
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        tracker.run(fail, config={"x": 1})
    (failed,) = tracker.find_runs(step="fail")
    assert f"{NOTE}'x'" in failed.record.notes
    with pytest.warns(ConsistWarning, match="is no parameter"):
        tracker.run(train, name="found", config={"detph": 1})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert tracker.run(train, name="found", config={"detph": 1}).cache_hit
