"""The run that a run is most like, against a plain search of a list; and in sweeps of a real pipeline."""

import itertools

import pytest

from consist.index.records import ARTIFACT, InputRecord, encode_record
from consist.store import nearest
from consist.store.nearest import nearest_run

PARTS = ("code", "config", "inputs", "contract")


@pytest.fixture
def make(store, by_hand):
    """Put a run whose parts are named by four letters."""
    count = itertools.count(1)

    def made(parts, *, found=True, status="completed", step="step", known=True, started=None, inputs=None, **told):  # noqa: PLR0913 - by name
        number = next(count)
        digests = {part: by_hand.digest(letter.encode()) for part, letter in zip(PARTS, parts, strict=False)}
        signature = by_hand.signature(f"{step}{number}") if found and status == "completed" else None
        record = by_hand.record(
            id=f"{number:020x}",
            signature=signature,
            step=step,
            status=status,
            started=started or number,
            parts=digests,
            inline=b"x",
            code={label: by_hand.digest(text.encode()) for label, text in told.get("code", {}).items()},
            config=told.get("config", {}),
            config_parts={key: by_hand.digest(repr(value).encode()) for key, value in told.get("config", {}).items()},
            inputs=tuple(
                InputRecord(key, ARTIFACT, by_hand.digest(content.encode()), 1, f"runs/{above.id}/out")
                for key, (above, content) in (inputs or {}).items()
            ),
        )
        if known:
            store.index.put_run(record, encode_record(record))
        return record

    return made


def test_the_run_with_the_fewest_differing_parts_is_the_nearest(store, make):
    make("aaaa")
    near = make("xxxa")
    make("xxaa")
    assert nearest_run(store, make("xxxx")) == near


def test_of_several_one_with_the_same_config_then_one_with_the_same_inputs(store, make):
    """As in the middle of a sweep that is run anew after an edit: the function changed, and that is to be said."""
    code, inputs, config = make("abcd"), make("xbyd"), make("xycd")
    asked = make("xbcd", known=False)
    assert nearest_run(store, asked, earlier=False) == code
    store.index.unlink(code.signature)
    assert nearest_run(store, make("xbzd", known=False), earlier=False) == inputs
    assert nearest_run(store, make("xzcd", known=False), earlier=False) == config


def test_of_several_the_one_in_which_the_fewest_single_things_differ(store, make):
    near = make("aaaa", config={"alpha": 1, "seed": 0})
    make("abaa", config={"alpha": 2, "seed": 1})
    assert nearest_run(store, make("acaa", config={"alpha": 3, "seed": 0}, known=False)) == near


def test_an_edit_that_was_taken_back_is_not_told(store, make):
    first = make("xaaa", code={"f": "1", "g": "1"})
    make("yaaa", code={"f": "2", "g": "1"})
    assert nearest_run(store, make("zaaa", code={"f": "1", "g": "2"}, known=False)) == first


def test_the_counterpart_in_an_earlier_execution_of_a_sweep_goes_before_a_sibling(store, make):
    """The config of the second step does not tell its runs apart: what they were given does."""

    def execute(letter):
        made = []
        for alpha in "pqr":
            above = make(f"{letter}{alpha}aa", step="fit")
            content = f"{letter}{alpha}"
            made.append(
                make(
                    f"{letter}a{'xyz'['pqr'.index(alpha)] if letter == 'c' else alpha}a",
                    inputs={"model": (above, content)},
                )
            )
        return made

    first, second = execute("c"), execute("d")
    for before, after in zip(first, second, strict=True):
        assert nearest_run(store, after) == before


def test_a_counterpart_of_long_ago_is_found_by_its_config(store, make, monkeypatch):
    monkeypatch.setattr(nearest, "LOOKED_AT", 3)
    before = [make(f"c{config}aa") for config in "pqrstuvw"]
    for config, old in zip("pqrstuvw", before, strict=True):
        assert nearest_run(store, make(f"d{config}aa")) == old


def test_a_chain_of_any_length_and_runs_that_are_gone(store, make):
    above = make("aaaa")
    for number in range(40):
        above = make("aaba", inputs={"state": (above, f"{number}")})
    asked = make("aaca", inputs={"state": (above, "new")}, known=False)
    assert nearest_run(store, asked) == above
    lost = make("aaaa", step="lost", known=False)
    one = make("aaxa", step="other", inputs={"state": (lost, "1")})
    assert nearest_run(store, make("aaya", step="other", inputs={"state": (lost, "2")}, known=False)) == one


def test_of_several_the_newest(store, make):
    make("aaab")
    near = make("aaac")
    asked = make("aaad")
    make("aaae")  # came later
    assert nearest_run(store, asked) == near


def test_an_equal_run_goes_before_all_others_whatever_became_of_it(store, make):
    for how in ({"status": "failed"}, {"found": False}, {}):
        equal = make("abcd", **how)
        make("abcx")
        assert nearest_run(store, make("abcd", found=False, known=False)) == equal


def test_what_a_signature_leads_to_goes_before_what_none_leads_to(store, make):
    far = make("xxxd")
    make("abcx", status="failed")
    make("abcy", found=False)
    assert nearest_run(store, make("abcd")) == far


def test_a_failed_run_is_better_than_none(store, make):
    failed = make("xxxx", status="failed")
    assert nearest_run(store, make("abcd")) == failed


def test_other_steps_later_runs_and_runs_of_nothing_do_not_count(store, make):
    make("abcd", step="other")
    make("")
    asked = make("abcd")
    later = make("abcy", found=False)
    assert nearest_run(store, asked) is None
    assert nearest_run(store, later) == nearest_run(store, make("abcx", known=False), earlier=False) == asked


def test_what_is_asked_for_now_is_compared_with_all(store, make):
    late = make("abcx", started=10**12)
    assert nearest_run(store, make("abcd", known=False), earlier=False) == late
    assert nearest_run(store, make("abcd", known=False)) is None


def test_only_the_newest_are_looked_at(store, make, monkeypatch):
    monkeypatch.setattr(nearest, "LOOKED_AT", 3)
    for _ in range(2):
        make("axcd")
    newest = [make("axxx") for _ in range(3)]
    assert nearest_run(store, make("abcd")) == newest[-1]


def test_as_a_search_of_the_list_has_it(store, make):
    runs = [
        make("".join(parts), found=found, status=status)
        for parts, (found, status) in itertools.product(
            itertools.product("ab", "ab", "ab"), [(True, "completed"), (False, "completed"), (False, "failed")]
        )
    ]
    for place, run in enumerate(runs):
        wanted = None
        for other in reversed(runs[:place]):  # the newest first: another must be better to replace it
            code, config, inputs, last = (run.parts.get(part) != other.parts.get(part) for part in PARTS)
            differing = code + config + inputs + last
            better = (differing > 0, other.signature is None, config, differing, config, inputs)  # no inputs to go by
            if wanted is None or better < wanted[0]:
                wanted = (better, other)
        assert nearest_run(store, run) == (wanted and wanted[1])
