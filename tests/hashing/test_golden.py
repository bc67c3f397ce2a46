"""The golden vectors of ``golden/vectors.json``, under several hash seeds.

The expected bytes are read from a notation that was written by hand (``about`` in the file explains it), so the oracle
shares no code with the encoder. BLAKE3 itself is held against vectors that its authors published.
"""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import blake3
import pytest

from consist.hashing.frame import Kind, decode_frame, encode_frame
from consist.hashing.hasher import domain_digest, hash_bytes

GOLDEN = Path(__file__).parent / "golden"
VECTORS = json.loads((GOLDEN / "vectors.json").read_text(encoding="utf-8"))
PUBLISHED = json.loads((GOLDEN / "blake3.json").read_text(encoding="utf-8"))

_TOKEN = re.compile(
    r"""\s*(?:
        '(?P<tag>.)' | \#(?P<number>\d+) | s"(?P<string>[^"]*)" | "(?P<text>[^"]*)" | b3\((?P<hashed>[0-9a-f]*)\) |
        (?P<hex>(?:[0-9a-f]{2})+)
    )""",
    re.VERBOSE,
)


def read_notation(notation):
    """Turn the notation of the golden files into bytes."""
    parts, position = [], 0
    while position < len(notation):
        match = _TOKEN.match(notation, position)
        assert match, f"not the notation: {notation[position:]}"
        position = match.end()
        parts.append(_read_token(match.lastgroup, match[match.lastgroup]))
    return b"".join(parts)


def _read_token(kind, body):
    match kind:
        case "tag":
            return body.encode("ascii")
        case "number":
            return int(body).to_bytes(8, "big")
        case "string":
            raw = body.encode()
            return b"s" + len(raw).to_bytes(8, "big") + raw
        case "text":
            return body.encode()
        case "hashed":
            return blake3.blake3(bytes.fromhex(body)).digest()
        case "hex":
            return bytes.fromhex(body)
    raise AssertionError(kind)


def test_the_notation_reads_as_its_description_says():
    assert read_notation('\'l\' #2 "ab" 00ff s"c"') == b"l" + b"\0" * 7 + b"\2ab\x00\xffs" + b"\0" * 7 + b"\1c"
    with pytest.raises(AssertionError):
        read_notation("'l' zz")


@pytest.mark.parametrize("seed", ["0", "1", "4242"])
def test_values_have_the_recorded_encodings_under_every_hash_seed(seed):
    answer = subprocess.run(
        [sys.executable, GOLDEN / "encode_vectors.py", GOLDEN / "vectors.json"],
        env={**os.environ, "PYTHONHASHSEED": seed},
        stdout=subprocess.PIPE,
        check=True,
    ).stdout
    encodings = json.loads(answer)
    assert len(encodings) == len(VECTORS["values"])
    for vector in VECTORS["values"]:
        encoding, digest = encodings[vector["value"]]
        assert encoding == read_notation(vector["encoding"]).hex(), vector["value"]
        assert digest == vector["digest"], vector["value"]


def test_digests_are_those_of_the_encodings():
    for vector in VECTORS["values"]:
        hasher = blake3.blake3(read_notation(vector["encoding"]), derive_key_context=VECTORS["context"])
        assert hasher.hexdigest() == vector["digest"], vector["value"]


@pytest.mark.parametrize("vector", VECTORS["frames"], ids=lambda vector: vector["kind"])
def test_frames_have_the_recorded_bytes(vector, monkeypatch):
    kind, key, payload = Kind[vector["kind"]], vector["key"].encode(), bytes.fromhex(vector["payload"])
    nonce = bytes.fromhex(vector["nonce"])
    body = read_notation(vector["body"])
    recorded = body + bytes.fromhex(vector["check"])

    assert blake3.blake3(body).hexdigest() == vector["check"]
    assert decode_frame(recorded, kind, key) == (kind, key, nonce, payload)
    monkeypatch.setattr("os.urandom", lambda size: nonce[:size])
    assert encode_frame(kind, key, payload) == recorded


@pytest.mark.parametrize("case", PUBLISHED["cases"], ids=lambda case: str(case["input_len"]))
def test_blake3_agrees_with_its_authors(case):
    data = bytes(position % 251 for position in range(case["input_len"]))
    assert hash_bytes(data).hex == case["hash"]
    assert domain_digest(PUBLISHED["context_string"], data).hex == case["derive_key"]
