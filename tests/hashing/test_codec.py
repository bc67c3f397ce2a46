import contextlib
import math
import tracemalloc

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from consist.errors import DamagedError, UsageError
from consist.hashing import codec
from consist.hashing.codec import ExtType, pack, pack_before, unpack, unpack_apart
from consist.testing.together import in_threads

scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False)
    | st.text(st.characters(exclude_categories=["Cs"]))
    | st.binary()
)
plain = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4) | st.integers(0, 99), inner, max_size=4)
    ),
)


def typed(value):
    """Spell out a value with its types, so that 1, 1.0 and True are told apart."""
    match value:
        case list():
            return [typed(item) for item in value]
        case dict():
            return [(typed(key), typed(item)) for key, item in value.items()]
        case float():
            return ("float", math.copysign(1, value), value)
    return (type(value).__name__, value)


@given(plain)
def test_what_is_packed_is_unpacked(value):
    assert typed(unpack(pack(value))) == typed(value)


@given(plain)
def test_an_encoding_is_plain_msgpack(value):
    assert pack(value) == msgpack.packb(value)


@pytest.mark.parametrize(
    "value", [(1,), {1, 2}, object(), 2**64, -(2**63) - 1, "\ud800", [b"x", (1,)], {"a": object()}, 1j, range(3)]
)
def test_what_is_not_plain_is_refused(value):
    with pytest.raises(UsageError, match="cannot encode"):
        pack(value)


def test_what_contains_itself_is_refused():
    loop = []
    loop.append(loop)
    with pytest.raises(UsageError):
        pack(loop)


def test_subclasses_of_plain_types_go_through_default_or_not_at_all():
    class Text(str):
        __slots__ = ()

    with pytest.raises(UsageError):
        pack(Text("x"))
    assert unpack(pack([Text("x")], default=str.__str__)) == ["x"]


def test_extensions_need_a_hook():
    encoded = pack([ExtType(5, b"x")])
    with pytest.raises(DamagedError, match="extension type 5"):
        unpack(encoded)
    assert unpack(encoded, ext_hook=lambda code, data: (code, data)) == [(5, b"x")]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xc1",  # a byte that msgpack never uses
        b"\x01\x02",  # something after the end
        b"\x93\x01",  # an item missing
        b"\xa5abc",  # a short string
        b"\xa2\xff\xff",  # no UTF-8
        b"\x81\x90\x01",  # a list as a key
        b"\xdd\xff\xff\xff\xff",  # a list of 4 G items
        b"\xdf\xff\xff\xff\xff",  # a dict of 4 G items
        b"\xc6\xff\xff\xff\xff",  # 4 GiB of bytes
        b"\x91" * 100_000 + b"\xc0",  # too deep
    ],
)
def test_bytes_that_are_no_encoding_are_damaged(data):
    with pytest.raises(DamagedError, match=r"not an encoding that consist wrote: .") as caught:
        unpack(data)
    assert len(str(caught.value)) < 200


@given(plain, st.data())
def test_a_truncated_encoding_is_damaged(value, data):
    encoded = pack(value)
    with pytest.raises(DamagedError):
        unpack(encoded[: data.draw(st.integers(0, len(encoded) - 1))])


@given(st.binary(max_size=64))
def test_any_bytes_are_decoded_or_damaged(data):
    with contextlib.suppress(DamagedError):
        unpack(data)


def test_a_hostile_length_takes_no_memory():
    tracemalloc.start()
    try:
        with pytest.raises(DamagedError):
            unpack(b"\xdd\x02\xfa\xf0\x80" * 100)  # lists of 50 million, one in the other
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()


def test_a_payload_over_the_limit_is_refused_before_it_is_read(monkeypatch):
    monkeypatch.setattr(codec, "MAX_BYTES", 10)
    assert unpack(pack(b"x" * 8)) == b"x" * 8
    with pytest.raises(DamagedError, match="over the limit of 10"):
        unpack(pack(b"x" * 9))


# A list whose last item is not copied --------------------------------------------------------------------------------


@given(
    st.lists(plain, max_size=4), st.binary(max_size=70_000) | st.sampled_from([bytes(255), bytes(256), bytes(1 << 16)])
)
def test_what_ends_with_bytes_is_packed_and_taken_apart_without_them(items, last):
    data = pack_before(items, len(last)) + last
    assert data == msgpack.packb([*items, last])
    *found, view = unpack_apart(data)
    assert typed(found) == typed(items)
    assert view == last
    assert view.obj is data


@given(st.lists(plain, max_size=4).filter(lambda items: not items or not isinstance(items[-1], bytes)))
def test_what_does_not_end_with_bytes_is_taken_apart_as_it_is_unpacked(items):
    assert typed(unpack_apart(msgpack.packb(items))) == typed(items)


@pytest.mark.parametrize(
    "data", [b"", b"\x07", b"\x80", b"\xc1", b"\xc4\x01x", b"\x92\x01", b"\x91", b"\xdd\xff\xff\xff\xff\x01"]
)
def test_what_is_no_list_is_not_taken_apart(data):
    with pytest.raises(DamagedError):
        unpack_apart(data)


@pytest.mark.parametrize("size", [0, 3, 255, 256, 1 << 16])
def test_a_list_that_is_cut_short_or_goes_on_is_damaged(size):
    data = msgpack.packb([1, b"packs", bytes(size)])
    for end in (*range(min(len(data), 15)), len(data) - 1):
        with pytest.raises(DamagedError):
            unpack_apart(data[:end])
    with pytest.raises(DamagedError):
        unpack_apart(data + b"x")


def test_what_could_not_be_encoded_leaves_nothing_in_what_is_encoded_next():
    with pytest.raises(UsageError):
        pack([b"x" * 5000, {"deep": [object()]}])
    assert pack([1, "a"]) == msgpack.packb([1, "a"])


def test_encoding_within_encoding():
    """A default may encode by itself, as formats of values in values do."""
    assert unpack(pack([{1, 2}, "b"], default=lambda value: pack(sorted(value)))) == [pack([1, 2]), "b"]


def test_threads_encode_at_the_same_time():
    values = [{"number": number, "text": "x" * number} for number in range(300)]
    expected = [msgpack.packb(value) for value in values]
    made = []
    in_threads([lambda: made.append([pack(value) for value in values])] * 8)
    assert made == [expected] * 8
