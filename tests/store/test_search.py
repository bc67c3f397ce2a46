"""The bytes of a record never rule out what is in it, whatever its length and letters are."""

import pytest

from consist.hashing.codec import pack
from consist.store.search import SearchTerm


@pytest.mark.parametrize("letters", ["Ab", "77", "Ü-"])
def test_a_value_under_a_key_is_found_at_every_length(letters):
    for length in range(1, 300):
        value = (letters * length)[:length]
        data = pack({"other": 1, "note": value})
        for typed in (f"note={value}", f"note={value.swapcase() if value.isascii() else value}", f"a.note={value}"):
            assert SearchTerm.of(typed).sieve()(data), (length, typed)
        assert not SearchTerm.of(f"note={value}!").sieve()(data)
        assert not SearchTerm.of(f"nota={value}").sieve()(data)


def test_a_value_is_found_in_lists_and_behind_keys_that_have_dots():
    at = {"list": {"seed": [1, [777]]}, "map in it": [{"seed": 777}], "deep": {"x": {"my.seed": 777}}}
    for typed, in_deep in (("seed=777", False), ("my.seed=777", True), ("x.my.seed=777", True)):
        may = {name: SearchTerm.of(typed).sieve()(pack({"other": 777, "config": value})) for name, value in at.items()}
        assert may == {"list": True, "map in it": True, "deep": in_deep}
    assert SearchTerm.of("words=b").sieve()(pack({"words": ["A", "B"] * 20}))
    assert not SearchTerm.of("seed=777").sieve()(pack({"seed": 1, "other": 777}))
    assert SearchTerm.of("seed=777").sieve()(pack({"a": {"seed": 1}, "b": {"seed": 777}}))


@pytest.mark.parametrize("typed", ["x=777", "x=word", "777", "WORD"])
def test_records_end_to_end_pass_if_one_of_them_does(typed):
    """A record ends with a check of any bytes, which may look like a key."""
    is_in = SearchTerm.of(typed).sieve()
    has, has_not = pack({"x": [777, "Word"]}), pack({"y": 1}) + pack("x")
    assert is_in(has_not + has + has_not)
    assert not is_in(has_not + has_not)


def test_a_key_that_is_no_text_is_found_nowhere():
    assert not SearchTerm.of("se\udcffd=777").sieve()(pack({"seed": 777}))


def test_numbers_are_found_by_their_value_and_as_a_text():
    for value in (777, 777.0, "777"):
        assert SearchTerm.of("seed=777").sieve()(pack({"seed": value}))
        assert SearchTerm.of("777").sieve()(pack({"seed": value}))
    assert not SearchTerm.of("seed=777").sieve()(pack({"seed": 778, "id": "a777"}))
    assert SearchTerm.of("777").sieve()(pack({"seed": 778, "id": "a777"}))
    assert SearchTerm.of("ok=true").sieve()(pack({"ok": True}))
