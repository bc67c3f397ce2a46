import pytest
from hypothesis import given
from hypothesis import strategies as st

from consist.errors import DamagedError, UsageError
from consist.index import schema

texts = st.text(st.characters(codec=None), max_size=300)
long_texts = texts | st.builds(lambda text, times: text * times, texts, st.integers(0, 50))


@given(long_texts, long_texts)
def test_two_names_are_one_key_only_if_they_are_equal_and_none_begins_another(one, other):
    assert (schema.name(one) == schema.name(other)) == (one == other)
    if one != other:
        assert not schema.name(one).startswith(schema.name(other))


@given(st.text(max_size=60), st.text(max_size=60))
def test_short_names_sort_as_their_bytes_do(one, other):
    if "\0" not in one + other:
        assert (schema.name(one) < schema.name(other)) == (one.encode() < other.encode())


@given(long_texts, long_texts)
def test_the_longest_key_of_names_fits_lmdb(one, other):
    marks = 4 + schema.RUN_ID_SIZE + len(schema.name(one)) + len(schema.name(other))
    assert marks <= 511
    assert len(schema.raw_name(one.encode("utf-8", "surrogatepass"), 440)) <= 511


def test_a_long_name_sorts_beside_its_beginning():
    long = "m" * 1000
    assert schema.name("m" * 10) < schema.name(long) < schema.name("n")


@given(st.integers(-(2**63), 2**63 - 1), st.integers(-(2**63), 2**63 - 1))
def test_stamps_sort_by_time(one, other):
    assert (schema.stamp(one) < schema.stamp(other)) == (one < other)
    assert len(schema.stamp(one)) == 8


def test_a_time_that_does_not_fit_is_refused():
    with pytest.raises(UsageError):
        schema.stamp(2**63)


@pytest.mark.parametrize("text", ["", "0" * 19, "0" * 21, "A" * 20, "é" * 20, "0" * 20 + "\n"])
def test_what_is_no_run_id_is_refused(text):
    with pytest.raises(UsageError):
        schema.run_key(text)


@given(st.binary(min_size=1, max_size=40), st.integers(0, 10_000), st.integers(1, 255))
def test_a_sealed_value_with_any_byte_changed_is_damaged(key, place, change):
    sealed = bytearray(schema.seal("hits", key, [7, "text", b"bytes"]))
    assert schema.unseal("hits", key, bytes(sealed)) == [7, "text", b"bytes"]
    sealed[place % len(sealed)] ^= change
    with pytest.raises(DamagedError):
        schema.unseal("hits", key, bytes(sealed))


def test_a_sealed_value_under_another_key_or_in_another_table_is_damaged():
    sealed = schema.seal("hits", b"key", [1])
    for table, key in (("blobs", b"key"), ("hits", b"kex"), ("hits", b"")):
        with pytest.raises(DamagedError):
            schema.unseal(table, key, sealed)


@given(st.binary(max_size=5), st.binary(max_size=5))
def test_after_is_above_all_keys_with_the_prefix_and_not_above_others(prefix, tail):
    bound = schema.after(prefix)
    if bound is None:
        assert not prefix.strip(b"\xff")
    else:
        assert prefix + tail < bound
        assert not bound.startswith(prefix) or not prefix
