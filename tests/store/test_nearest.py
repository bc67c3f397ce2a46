"""The run that a run is most like, against a plain search of a list."""

import itertools

import pytest

from consist.index.records import encode_record
from consist.store import nearest
from consist.store.nearest import nearest_run

PARTS = ("code", "config", "inputs", "contract")


@pytest.fixture
def make(store, by_hand):
    """Put a run whose parts are named by four letters."""
    count = itertools.count(1)

    def made(parts, *, found=True, status="completed", step="step", known=True, started=None):  # noqa: PLR0913 - by name
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
        make("abcx")
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
            better = (differing > 0, other.signature is None, differing, config, inputs)
            if wanted is None or better < wanted[0]:
                wanted = (better, other)
        assert nearest_run(store, run) == (wanted and wanted[1])
