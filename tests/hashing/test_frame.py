import struct

import blake3
import pytest
from hypothesis import given
from hypothesis import strategies as st

from consist.errors import DamagedError, FormatError
from consist.hashing.frame import Kind, decode_frame, encode_frame

kinds = st.sampled_from(Kind)
keys = st.binary(max_size=40)
payloads = st.binary(max_size=80)


def by_hand(kind, key, payload, *, magic=b"CNST", version=0, nonce=bytes(16)):  # noqa: PLR0913 - its fields
    """Build a frame from its description in the module's docstring."""
    body = magic + bytes([version, kind]) + struct.pack(">HI", len(key), len(payload)) + nonce + key + payload
    return body + blake3.blake3(body).digest()


def refused(data, kind, key):
    with pytest.raises((DamagedError, FormatError)) as caught:
        decode_frame(data, kind, key)
    return caught.value


@given(kinds, keys, payloads)
def test_a_frame_reads_back(kind, key, payload):
    data = encode_frame(kind, key, payload)
    assert len(data) == 28 + len(key) + len(payload) + 32
    assert data == by_hand(kind, key, payload, nonce=data[12:28])
    for expected_key in (key, None):
        frame = decode_frame(data, kind, expected_key)
        assert (frame.kind, frame.key, frame.nonce, frame.payload) == (kind, key, data[12:28], payload)


@given(kinds, keys, payloads, st.data())
def test_a_frame_with_one_byte_changed_is_refused(kind, key, payload, data):
    frame = bytearray(encode_frame(kind, key, payload))
    frame[data.draw(st.integers(0, len(frame) - 1))] ^= data.draw(st.integers(1, 255))
    refused(bytes(frame), kind, data.draw(st.sampled_from([key, None])))


@given(kinds, keys, payloads, st.data())
def test_a_frame_cut_short_is_refused(kind, key, payload, data):
    frame = encode_frame(kind, key, payload)
    refused(frame[: data.draw(st.integers(0, len(frame) - 1))], kind, key)


@given(kinds, keys, payloads, st.binary(min_size=1, max_size=70))
def test_a_frame_with_something_after_or_before_it_is_refused(kind, key, payload, extra):
    frame = encode_frame(kind, key, payload)
    refused(frame + extra, kind, key)
    refused(extra + frame, kind, key)


def test_every_single_bit_counts():
    frame = encode_frame(Kind.RECORD, b"key", b"payload")
    for bit in range(len(frame) * 8):
        flipped = bytearray(frame)
        flipped[bit // 8] ^= 1 << bit % 8
        refused(bytes(flipped), Kind.RECORD, b"key")


@given(st.binary(max_size=200))
def test_other_bytes_are_refused(data):
    refused(data, Kind.RECORD, None)


def test_a_good_frame_of_another_kind_or_key_is_refused():
    frame = encode_frame(Kind.RECORD, b"key", b"payload")
    assert isinstance(refused(frame, Kind.LEASE, b"key"), DamagedError)
    assert isinstance(refused(frame, Kind.RECORD, b"other"), DamagedError)
    assert isinstance(refused(frame, Kind.RECORD, b""), DamagedError)


def test_bytes_moved_from_the_key_to_the_payload_are_noticed():
    assert decode_frame(by_hand(1, b"ab", b"c"), Kind.RECORD, None).key == b"ab"
    frame = bytearray(by_hand(1, b"ab", b"c"))
    frame[7], frame[11] = 1, 2  # the same bytes, cut elsewhere
    refused(bytes(frame), Kind.RECORD, None)


@pytest.mark.parametrize("version", range(1, 256))
def test_an_altered_version_is_damage_and_no_newer_one(version):
    """Its check was made of version 0: nobody would heal what everybody takes for newer."""
    data = bytearray(by_hand(1, b"key", b"payload"))
    data[4] = version
    assert isinstance(refused(bytes(data), Kind.RECORD, b"key"), DamagedError)


def test_a_newer_version_is_told_from_damage():
    error = refused(by_hand(1, b"key", b"payload", version=1), Kind.RECORD, b"key")
    assert isinstance(error, FormatError)
    assert error.hint == "upgrade consist"


def test_other_magic_is_refused_even_with_a_right_check():
    assert isinstance(refused(by_hand(1, b"k", b"p", magic=b"CNSX"), Kind.RECORD, None), DamagedError)


def test_two_frames_of_one_content_differ():
    assert encode_frame(Kind.LEASE, b"k", b"p") != encode_frame(Kind.LEASE, b"k", b"p")
