"""BLAKE3 over bytes and streams: one read gives digest and size together.

Files are streams (``steady.py``), not mapped: a file that shrinks while it is mapped kills the process (SIGBUS), and
reading costs little beside hashing.
"""

from __future__ import annotations

import os
from functools import cache
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

import blake3

from consist.hashing.buffers import buffer
from consist.hashing.digest import Digest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

BLOCK = 1 << 20
"""Bytes from which on BLAKE3 gains from a second thread."""

_MOST = 4 << 20
_LEAST = 64 << 10
"""Bytes read at a time. Two threads take 0.36 s for 1 GiB in pieces of 4 MiB, and 0.44 s in pieces of 1 MiB; a small
file has a small piece, as making room for 1 MiB takes longer than hashing it (4 KiB: 16 us instead of 35)."""


_many_threads: int = blake3.blake3.AUTO


def _hash_alone() -> None:
    """Hash on one thread in a forked child: it lacks the threads that its parent keeps, and would wait for ever."""
    global _many_threads  # noqa: PLW0603 - of the process, as its threads are
    _many_threads = 1


os.register_at_fork(after_in_child=_hash_alone)


class Hashed(NamedTuple):
    """The digest of a content and its size in bytes."""

    digest: Digest
    size: int


class Hasher:
    """BLAKE3 fed piece by piece.

    Parameters
    ----------
    threads : int, optional
        How many threads hash a large piece; by default as many as the machine has, and one in a forked child.

    Examples
    --------
    >>> hasher = Hasher()
    >>> hasher.update(b"con")
    >>> hasher.update(b"sist")
    >>> hasher.result() == Hashed(hash_bytes(b"consist"), 7)
    True
    """

    __slots__ = ("_blake3", "_size")

    def __init__(self, *, threads: int | None = None) -> None:
        self._blake3 = blake3.blake3(max_threads=threads or _many_threads)
        self._size = 0

    def update(self, data: bytes | bytearray | memoryview) -> None:
        """Add the next piece."""
        self._blake3.update(data)
        self._size += len(data)

    def result(self) -> Hashed:
        """Digest and size of all pieces so far."""
        return Hashed(Digest(self._blake3.digest()), self._size)


def hash_bytes(data: bytes | bytearray | memoryview) -> Digest:
    """Digest of bytes in memory.

    Parameters
    ----------
    data : bytes-like
        Contiguous, of any length; large data is hashed by several threads.

    Examples
    --------
    >>> hash_bytes(b"").short
    'af1349b9f5f9'
    """
    if len(data) < BLOCK:
        return Digest(blake3.blake3(data).digest())
    return Digest(blake3.blake3(data, max_threads=_many_threads).digest())


def hash_raw(data: bytes | bytearray | memoryview) -> bytes:
    """Return the 32 bytes of a digest, by one thread: for chunks, which are many.

    Examples
    --------
    >>> hash_raw(b"x") == hash_bytes(b"x").raw
    True
    """
    return blake3.blake3(data).digest()


def domain_digest(domain: str, data: bytes) -> Digest:
    """Digest of `data` in a domain of its own, so that equal bytes of two kinds never share a digest.

    Parameters
    ----------
    domain : str
        A constant, such as ``"consist 2026 config"``; BLAKE3's `derive_key` mode takes it as the context.
    data : bytes
        What is digested.

    Examples
    --------
    >>> domain_digest("consist a", b"x") == domain_digest("consist b", b"x")
    False
    """
    return Digest(domain_raw(domain, data))


def domain_raw(domain: str, data: bytes) -> bytes:
    """Return the 32 bytes of `domain_digest`: for checks, of which a run that is taken in needs seven.

    Examples
    --------
    >>> domain_raw("consist a", b"x") == domain_digest("consist a", b"x").raw
    True
    """
    return _begun_in(domain)().update(data).digest()


@cache
def _begun_in(domain: str) -> Callable[[], blake3.blake3]:
    """Return what makes a hasher of a domain: a copy of one takes 0.8 us with its digest, one from its name 1.1."""
    return blake3.blake3(derive_key_context=domain).copy


def domain_digest_of(domain: str, pieces: Iterable[bytes]) -> Digest:
    """Digest of many pieces, one after the other, that need not be in memory at once; `domain` as in `domain_digest`.

    Examples
    --------
    >>> domain_digest_of("consist a", [b"x", b"y"]) == domain_digest("consist a", b"xy")
    True
    """
    hasher = blake3.blake3(derive_key_context=domain)
    for piece in pieces:
        hasher.update(piece)
    return Digest(hasher.digest())


def hash_stream(stream: BinaryIO, seen: Callable[[int], object] = int, *, expected: int = _MOST) -> Hashed:
    """Digest and size of what is left in a binary stream.

    Parameters
    ----------
    stream : binary file
        Read to its end.
    seen : callable
        Told the bytes of each piece.
    expected : int
        About how many bytes that will be.
    """
    hasher = Hasher()
    room = buffer(min(max(expected + 1, _LEAST), _MOST))
    while count := stream.readinto(room):  # type: ignore[attr-defined]  # every binary stream has readinto
        hasher.update(room[:count])
        seen(count)
    return hasher.result()
