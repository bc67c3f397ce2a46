import copy
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consist.errors import UsageError
from consist.hashing.digest import SIZE, Digest, parse_prefix

EMPTY = "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262"  # what b3sum prints for an empty file
raws = st.binary(min_size=SIZE, max_size=SIZE)


@given(raws)
def test_the_hexadecimal_form_reads_back(raw):
    digest = Digest(raw)
    assert digest.hex == str(digest) == "".join(f"{byte:02x}" for byte in raw)
    assert Digest.parse(digest.hex) == Digest.parse(f"blake3:{digest.hex}") == digest
    assert digest.short == digest.hex[:12]


@pytest.mark.parametrize(
    "text",
    [
        "",
        EMPTY[:-1],
        EMPTY + "0",
        EMPTY.upper(),
        f" {EMPTY}",
        f"{EMPTY}\n",
        f"{EMPTY[:-1]}g",
        f"{EMPTY[:-1]}٣",
        f"sha256:{EMPTY}",
        f"BLAKE3:{EMPTY}",
        f"blake3:blake3:{EMPTY}",
        f"0x{EMPTY[2:]}",
    ],
)
def test_nothing_else_is_a_digest(text):
    with pytest.raises(UsageError, match="not a digest"):
        Digest.parse(text)


@pytest.mark.parametrize("raw", [b"", bytes(31), bytes(33), bytearray(32), memoryview(bytes(32)), EMPTY, None])
def test_a_digest_is_32_bytes(raw):
    with pytest.raises(UsageError, match="32 bytes"):
        Digest(raw)


@given(raws, raws)
def test_digests_compare_as_their_bytes(one, other):
    assert (Digest(one) == Digest(other)) == (one == other)
    assert (Digest(one) < Digest(other)) == (one < other)
    assert hash(Digest(one)) == hash(Digest(bytes(one)))


def test_a_digest_is_a_value():
    digest = Digest.parse(EMPTY)
    with pytest.raises(AttributeError):
        digest.raw = bytes(32)
    assert pickle.loads(pickle.dumps(digest)) == copy.deepcopy(digest) == digest  # noqa: S301 - our own bytes
    assert eval(repr(digest), {"Digest": Digest.parse}) == digest  # noqa: S307 - our own text
    assert digest != EMPTY


@given(raws, st.integers(1, 64))
def test_a_prefix_matches_its_digest(raw, length):
    digest = Digest(raw)
    assert digest.startswith(parse_prefix(digest.hex[:length]))
    assert digest.startswith(parse_prefix(f"blake3:{digest.hex[:length]}"))
    changed = "0" if digest.hex[length - 1] != "0" else "1"
    assert not digest.startswith(digest.hex[: length - 1] + changed)


@pytest.mark.parametrize("text", ["", "blake3:", "A", "g", "ab c", "ab\n", "-1", EMPTY + "0"])
def test_nothing_else_is_a_prefix(text):
    with pytest.raises(UsageError, match="not the beginning"):
        parse_prefix(text)


def test_a_long_wrong_text_is_not_printed_whole():
    with pytest.raises(UsageError) as caught:
        Digest.parse("x" * 10_000)
    assert len(str(caught.value)) < 300
