"""Tables, keys and values of the index, as bytes. The twin of ``docs/format-index.md``.

Every table but ``files`` and ``meta`` is per store: its keys begin with the 4-byte number that ``meta`` maps to the
store's id. Keys sort as people expect (names by their letters, times by date), are prefix-free, and fit LMDB's 511
bytes whatever their names are. Every value that is not a framed object ends with a check over table, key and value.
"""

from __future__ import annotations

import re
import struct
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from consist.errors import DamagedError, UsageError
from consist.hashing.codec import pack, unpack
from consist.hashing.hasher import domain_digest, domain_raw

if TYPE_CHECKING:
    import lmdb

Transaction: TypeAlias = "lmdb.Transaction[bytes]"

MAGIC = b"consist index"
VERSION = 0
NO_STORE = b"\xff\xff\xff\xff"
"""The number of a store that the index does not know; never allotted, so nothing is found under it."""

CHECK_SIZE = 16
MAX_NAME = 200
_CUT = 40
_RUN_ID = re.compile(r"[0-9a-f]{20}\Z")
RUN_ID_SIZE = 20
_STAMP = struct.Struct(">Q")
_ZERO = 1 << 63
_DOMAIN = "consist 2026 index value"


class Tables(NamedTuple):
    """LMDB's handles of the tables; the names of the fields are the names in the file."""

    results: Any
    """signature -> the framed record of the completed run that it leads to"""
    runs: Any
    """run id -> ``S`` + signature, or ``R`` + the framed record of a run that no signature leads to"""
    by_time: Any
    """start, run id"""
    by_step: Any
    """step, start, run id"""
    by_status: Any
    """status, start, run id"""
    by_tag: Any
    """tag, start, run id; the tags that a run has now"""
    by_parent: Any
    """parent's run id, start, run id; what was executed in the parent, or found again in it"""
    by_kind: Any
    """kind, start, run id; only of runs of another kind than `run`"""
    by_asked: Any
    """id of a run that was asked for, start, run id; the runs whose function asked for it"""
    steps: Any
    """step -> its name in full, number of runs"""
    producers: Any
    """digest, start, run id -> output keys"""
    consumers: Any
    """digest, start, run id -> input keys"""
    blobs: Any
    """digest -> size, inline or not, when last known to be there"""
    chunks: Any
    """chunk's digest -> pack and place"""
    confirmed: Any
    """signature -> when the store was last known to have the very record; for stores over a network"""
    suspects: Any
    """digest of what a reader found damaged -> when"""
    files: Any
    """path -> size, times, inode, digest; of no store"""
    events: Any
    """``P`` + log key -> log key, log object not yet in the store; ``A`` + log key: applied"""
    hits: Any
    """run id -> count, last time"""
    marks: Any
    """run id, kind, text -> time, given or taken, text"""
    by_mark: Any
    """kind, text, run id: the marks given now"""
    meta: Any
    """what the file is, its stores, who writes unsynced; of no store"""


STORE_TABLES = tuple(table for table in Tables._fields if table not in {"files", "meta"})
KEPT_ON_CLEAR = frozenset({"suspects", "chunks"})

META_MAGIC = b"magic"
META_VERSION = b"version"
META_STORE_BY_ID = b"id\x00"
META_STORE_BY_NUMBER = b"no\x00"
META_UNSYNCED = b"unsynced\x00"
META_FINDING = b"finding\x00"

PENDING = b"P"
APPLIED = b"A"
BY_SIGNATURE = b"S"
BY_RECORD = b"R"


@lru_cache(4096)
def name(text: str) -> bytes:
    r"""Encode a name as a part of a key: prefix-free, in order of its bytes, of bounded length.

    Parameters
    ----------
    text : str
        Any; as UTF-8, lone surrogates too.

    Examples
    --------
    >>> name("clean")
    b'clean\x00\x00'
    >>> len(name("x" * 10_000))
    194
    """
    return raw_name(text.encode("utf-8", "surrogatepass"), MAX_NAME)


def raw_name(raw: bytes, limit: int) -> bytes:
    """Encode the bytes of a name as `name` does; one longer than `limit` keeps its first bytes and a digest of all."""
    if len(raw) <= limit and b"\x00" not in raw:
        return raw + b"\x00\x00"
    head = raw[: limit - _CUT].partition(b"\x00")[0]
    return head + b"\x00\x01" + domain_digest("consist 2026 index name", raw).raw


def stamp(at: int) -> bytes:
    """Encode a time (microseconds since 1970, also before it) as 8 bytes that sort by date.

    Raises
    ------
    UsageError
        If it is beyond what 64 bits hold.
    """
    try:
        return _STAMP.pack(at + _ZERO)
    except struct.error as error:
        raise UsageError(f"a time of {at} µs does not fit 64 bits") from error


@lru_cache(256)
def run_key(run_id: str) -> bytes:
    """Encode a run id.

    Raises
    ------
    UsageError
        If it is not 20 hexadecimal digits.
    """
    if not is_run_id(run_id):
        raise UsageError(f"not a run id: {run_id!r:.60}", hint="a run id is 20 lower-case hexadecimal digits")
    return run_id.encode()


def is_run_id(text: str) -> bool:
    """Tell whether text is a whole run id."""
    return _RUN_ID.match(text) is not None


def suffix(started: int, run_id: str) -> bytes:
    """Encode the end that all keys of a run in ``by_…``, producers and consumers share: start and run id."""
    return stamp(started) + run_key(run_id)


SUFFIX_SIZE = _STAMP.size + RUN_ID_SIZE


def start_of(key: bytes) -> int:
    """Return the start at the end of a key: microseconds since 1970."""
    at: int = _STAMP.unpack_from(key, len(key) - SUFFIX_SIZE)[0]
    return at - _ZERO


def suffix_run(key: bytes) -> str:
    """Return the run id at the end of a key."""
    return key[-RUN_ID_SIZE:].decode("ascii", "replace")


def seal(table: str, key: bytes, value: Any) -> bytes:
    """Encode a value with its check.

    Parameters
    ----------
    table : str
        Where it goes.
    key : bytes
        Its whole key: a value under another key is damaged.
    value : object
        Plain data.
    """
    body = pack(value)
    return body + _check(table, key, body)


def unseal(table: str, key: bytes, data: bytes) -> Any:
    """Check and decode a value that was sealed.

    Raises
    ------
    DamagedError
        If it does not match its check.

    Examples
    --------
    >>> unseal("hits", b"key", seal("hits", b"key", [1, 2]))
    [1, 2]
    """
    if not is_sealed(table, key, data):
        raise DamagedError(
            f"a value in the index's table {table} does not match its check",
            hint="run `consist index rebuild`: the index is made anew from the store",
        )
    return unpack(data[:-CHECK_SIZE])


def is_sealed(table: str, key: bytes, data: bytes) -> bool:
    """Tell whether a value matches its check; it is not decoded."""
    return len(data) > CHECK_SIZE and _check(table, key, data[:-CHECK_SIZE]) == data[-CHECK_SIZE:]


def _check(table: str, key: bytes, body: bytes) -> bytes:
    return domain_raw(_DOMAIN, _head(table, len(key)) + key + body)[:CHECK_SIZE]


@lru_cache(1024)
def _head(table: str, key_size: int) -> bytes:
    return table.encode() + b"\x00" + key_size.to_bytes(2, "big")


def after(prefix: bytes) -> bytes | None:
    r"""Return the first key that sorts after all keys with a prefix; None if there is no such key.

    Examples
    --------
    >>> after(b"a\xff")
    b'b'
    """
    stripped = prefix.rstrip(b"\xff")
    return stripped[:-1] + bytes([stripped[-1] + 1]) if stripped else None


def known_prefix(txn: Transaction, tables: Tables, store_id: str) -> bytes | None:
    """Return the number of a store as bytes, or None if the index does not know it."""
    key = META_STORE_BY_ID + name(store_id)
    data = txn.get(key, None, tables.meta)
    if data is None:
        return None
    number, found = unseal("meta", key, data)
    return int(number).to_bytes(4, "big") if found == store_id else None
