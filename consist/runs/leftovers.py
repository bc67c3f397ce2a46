"""Outputs that the function did not write: what was there before is another run's, and no outcome of this one.

What is there is looked at before the function is called, and again afterwards. A folder is looked at file by file. One
that a run wrote into and that still holds another run's files (a partition, a page of a report that this config does
not make) would be recorded as made by this run, and found again as such.

Of a path that is returned nobody knows before the call. So it is compared with the time of the call, and what is older
is a warning only: it may be right, and the clock of a file system on another machine may be behind.
"""

from __future__ import annotations

import os
import stat
import time
from typing import TYPE_CHECKING, NamedTuple

from consist.errors import OutputError, UsageError
from consist.runs.places import is_in

if TYPE_CHECKING:
    from collections.abc import Iterable

NOT_THERE = "it must be written before it is logged, or before the function or command ends"
"""What to do about a file that is not there."""

TICK = 20_000_000
"""Nanoseconds within which two changes of a file may get the same time: Linux counts them by ticks of 1 to 10 ms."""


_LONGEST = 4096
"""Characters of a path on Linux."""


class Stamp(NamedTuple):
    """A file as it was last changed. Copying and unpacking can set back other times than the one of change (ctime)."""

    place: str
    inode: int
    changed: int


NOTHING: frozenset[Stamp] = frozenset()


def what_is_there(paths: Iterable[str], *, symlinks: str) -> frozenset[Stamp]:
    """Take down what lies at the places of declared outputs before the function is called.

    Where something was changed a moment ago, the moment is waited out, so that another change gets another time.

    Parameters
    ----------
    paths : iterable of str
        The places.
    symlinks : str
        What to do about links in folders.
    """
    found = frozenset(one for path in paths for one in _stamps(path, symlinks))
    age = time.time_ns() - max((one.changed for one in found), default=0)
    if 0 <= age < TICK:
        time.sleep((TICK - age) / 1e9)
    return found


def refuse_left_over(key: str, path: str, before: frozenset[Stamp], *, symlinks: str) -> None:
    """Refuse what was there before and was not written since.

    Parameters
    ----------
    key, path : str
        A declared output.
    before : frozenset of Stamp
        What was there when the function was called.
    symlinks : str
        What to do about links in folders.

    Raises
    ------
    OutputError
        The message names the file; of a folder, one file in it.
    """
    if not before:
        return
    for one in _stamps(path, symlinks):
        if one in before:
            alone = one.place == path
            raise OutputError(
                f"output {key!r}: {one.place} was there before, and the function did not write it",
                hint="write it in every case, or return its Path only where it was written"
                if alone
                else "empty the folder before it is written, so that it holds this run's files only",
            )


def not_written(key: str, path: str, before: frozenset[Stamp], *, symlinks: str) -> OutputError | None:
    """Say why a declared file or folder is none of this run's: it is not there, or was there before.

    Parameters are as of `refuse_left_over`.
    """
    if not os.path.lexists(path):
        return OutputError(f"output {key!r}: there is no file {path}", hint=NOT_THERE)
    try:
        refuse_left_over(key, path, before, symlinks=symlinks)
    except OutputError as error:
        return error
    return None


def older_than_call(path: str, called: int, given: Iterable[str], *, symlinks: str) -> str | None:
    """Return a file that a function returned, and neither wrote nor was given; None if there is none.

    Parameters
    ----------
    path : str
        What was returned, a file or a folder.
    called : int
        When the function was called: microseconds since 1970.
    given : iterable of str
        Files and folders that it may return as they are, with all that is in them.
    symlinks : str
        What to do about links in folders.
    """
    since = called * 1000 - TICK
    known = _known(given)
    for one in _stamps(path, symlinks):
        if (
            one.changed < since
            and not _is_new_link(one.place, since)
            and not _is_in(os.path.realpath(one.place), known)
        ):
            return one.place
    return None


def is_given(path: str, given: Iterable[str]) -> bool:
    """Tell whether a path is one of some files and folders, or lies in one of them, through whatever links."""
    return _is_in(os.path.realpath(path), _known(given))


def _known(given: Iterable[str]) -> list[str]:
    return [os.path.realpath(place) for place in given if "\0" not in place]


def is_new_file(text: str, called: int) -> bool:
    """Tell whether a text that a function returned is the name of a file that came or changed during its call.

    Parameters
    ----------
    text : str
        What it returned.
    called : int
        When it was called: microseconds since 1970.
    """
    if not 0 < len(text) < _LONGEST or "\0" in text:
        return False
    try:
        found = os.stat(text)  # noqa: PTH116 - strings throughout
    except (OSError, ValueError):
        return False
    return stat.S_ISREG(found.st_mode) and found.st_ctime_ns >= called * 1000 - TICK


def _is_new_link(place: str, since: int) -> bool:
    """Tell whether a path is a link that was made since then, to whatever: that was meant."""
    try:
        return os.lstat(place).st_ctime_ns >= since
    except OSError:  # it went meanwhile; that is said where it is read
        return True


def _is_in(place: str, known: list[str]) -> bool:
    return any(is_in(place, one) for one in known)


def _stamps(path: str, symlinks: str) -> list[Stamp]:
    """Return the stamp of a file, or of all files in a folder; nothing of what is missing or cannot be read."""
    from consist.blobs.folderscan import scan

    try:
        found = os.stat(path)  # noqa: PTH116 - strings throughout
        files = scan(path, symlinks=symlinks).files if stat.S_ISDIR(found.st_mode) else []
    except (OSError, UsageError):
        return []  # that is said where it is read
    if not files:  # a file, or a folder with none
        return [Stamp(path, found.st_ino, found.st_ctime_ns)]
    return [Stamp(file.place, file.found.st_ino, file.found.st_ctime_ns) for file in files]
