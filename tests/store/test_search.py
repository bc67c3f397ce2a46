"""The bytes of a record never rule out what is in it, whatever its length and letters are."""

import pytest

from consist.hashing.codec import pack
from consist.store.search import Wanted


@pytest.mark.parametrize("letters", ["Ab", "77", "Ü-"])
def test_a_value_under_a_key_is_found_at_every_length(letters):
    for length in range(1, 300):
        value = (letters * length)[:length]
        data = pack({"other": 1, "note": value})
        for typed in (f"note={value}", f"note={value.swapcase() if value.isascii() else value}", f"a.note={value}"):
            assert Wanted.of(typed).sieve()(data), (length, typed)
        assert not Wanted.of(f"note={value}!").sieve()(data)
        assert not Wanted.of(f"nota={value}").sieve()(data)


def test_numbers_are_found_by_their_value_and_as_a_text():
    for value in (777, 777.0, "777"):
        assert Wanted.of("seed=777").sieve()(pack({"seed": value}))
        assert Wanted.of("777").sieve()(pack({"seed": value}))
    assert not Wanted.of("seed=777").sieve()(pack({"seed": 778, "id": "a777"}))
    assert Wanted.of("777").sieve()(pack({"seed": 778, "id": "a777"}))
    assert Wanted.of("ok=true").sieve()(pack({"ok": True}))
