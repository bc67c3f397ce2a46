"""Reading a file as it was at one moment: the one rule for what has changed while it was read.

Whoever writes to a file meanwhile leaves half of the old and half of the new in what was read, which no digest tells.
So a file is looked at before and after: one that changed is read again, and then refused. What no stamp shows is not
seen: a write within the same tick of the file system's clock as the look before, and one through a map of the file.
What comes through a pipe cannot be looked at.
"""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING, BinaryIO, Generic, NamedTuple, TypeVar

from consist.errors import InputError
from consist.hashing.hasher import Hashed, hash_stream

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")

READS = 3

_FLAGS = os.O_CLOEXEC | os.O_NONBLOCK
"""Without waiting, should it be a FIFO by now."""


class Steady(NamedTuple, Generic[T]):
    """What was read of a file, and what the file was before and after."""

    what: T
    found: os.stat_result


def stamp(found: os.stat_result) -> tuple[int, int, int, int, int]:
    """Return what is another once a file has changed, or another has its name: size, mtime, ctime, inode, device."""
    return (found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino, found.st_dev)


def read_steadily(
    path: str, read: Callable[[BinaryIO, os.stat_result], tuple[int, T]], *, follow: bool = True
) -> Steady[T]:
    """Read a file as it was at one moment.

    Parameters
    ----------
    path : str
        A local file.
    read : callable
        Reads it to its end from an unbuffered stream, and returns how many bytes that were, and what they are to be.
        Called again if it changed meanwhile.
    follow : bool
        Whether a link is followed.

    Raises
    ------
    InputError
        If it is no regular file, or keeps changing.
    OSError
        If it cannot be read; the caller knows what the file was for, and says so. And whatever `read` raises.
    """
    flags = _FLAGS if follow else _FLAGS | os.O_NOFOLLOW
    for _ in range(READS):
        with open(path, "rb", 0, opener=lambda name, given: os.open(name, given | flags)) as stream:
            found = os.fstat(stream.fileno())
            if not stat.S_ISREG(found.st_mode):
                raise InputError(f"{path} is not a file", hint="name a regular file, or a folder of such")
            size, what = read(stream, found)
            after = os.stat(path)  # noqa: PTH116 - the path, which may lead to another file by now
        if stamp(found) == stamp(after) and size == found.st_size:
            return Steady(what, found)
    if stamp(found) == stamp(after):  # as of what the system makes up: its size says nothing
        raise InputError(f"{path} has {found.st_size} bytes and gives {size}", hint="write it to a plain file first")
    raise InputError(f"{path} keeps changing while it is read", hint="wait until its writer is done")


def digest_steadily(path: str, seen: Callable[[int], object] = int) -> Steady[Hashed]:
    """Digest a file as it was at one moment.

    Parameters
    ----------
    path : str
        A local file.
    seen : callable
        Told the bytes of each piece that was read, to show how far it has come.

    Raises
    ------
    InputError, OSError
        As of `read_steadily`.
    """

    def read(stream: BinaryIO, found: os.stat_result) -> tuple[int, Hashed]:
        hashed = hash_stream(stream, seen, expected=found.st_size)
        return hashed.size, hashed

    return read_steadily(path, read)


def hash_steadily(path: str, seen: Callable[[int], object] = int) -> Hashed:
    """Return what `digest_steadily` reads, for whom the file itself does not matter."""
    return digest_steadily(path, seen).what


def bytes_steadily(path: str) -> Steady[bytes]:
    """Return a small file's bytes as they were at one moment; parameters and errors as of `read_steadily`."""

    def read(stream: BinaryIO, _found: os.stat_result) -> tuple[int, bytes]:
        data = stream.read()
        return len(data), data

    return read_steadily(path, read)
