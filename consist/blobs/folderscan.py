"""A local folder, looked at: what a tree of it would hold. Names and stats only; no file is opened here.

What a tree cannot hold is refused with its name: links (unless they are to be followed), FIFOs, sockets, devices, and
names that are no UTF-8 or hold what not every system takes. Names come in Unicode's composed form (NFC), since some
systems give them decomposed; two that become one by it are refused.
"""

# Paths are plain strings in this layer: pathlib costs more than some of the calls.
# ruff: noqa: PTH114, PTH116

from __future__ import annotations

import os
import stat
import unicodedata
from typing import Any, NamedTuple

from consist.blobs.tree import check_path
from consist.errors import UsageError

REFUSE = "refuse"
FOLLOW = "follow"
SYMLINKS = (REFUSE, FOLLOW)
"""What can be done about a symbolic link: say that it is there, or store what it leads to in its place."""


FOLLOWING = (
    'put a copy in its place, or store what it leads to: OutputPolicyOptions(symlinks="follow"), on the command line'
    " --follow-symlinks"
)
"""What to do about a link that is refused."""


class FoundFile(NamedTuple):
    """A regular file below a folder.

    Attributes
    ----------
    path : str
        Its path in the tree.
    place : str
        Its path on disk.
    found : os.stat_result
        What it was when it was looked at.
    """

    path: str
    place: str
    found: os.stat_result

    @property
    def executable(self) -> bool:
        """Whether its owner may execute it."""
        return bool(self.found.st_mode & stat.S_IXUSR)


class FoundFolder(NamedTuple):
    """A folder: the scanned one, or one below it.

    Attributes
    ----------
    path : str
        Its path in the tree; ``""`` for the scanned one.
    place : str
        Its path on disk.
    found : os.stat_result
        What it was before it was listed.
    """

    path: str
    place: str
    found: os.stat_result


class Scan(NamedTuple):
    """What lies in a folder.

    Attributes
    ----------
    files : list of FoundFile
        All files below it, in no order that counts.
    empty : list of str
        Paths in the tree of the folders that have nothing in them.
    folders : list of FoundFolder
        The scanned folder, and then all others.
    """

    files: list[FoundFile]
    empty: list[str]
    folders: list[FoundFolder]

    def check_unchanged(self) -> None:
        """Refuse a folder to which a name was added, or from which one was taken, since the scan.

        Raises
        ------
        UsageError
            If there was one. Whether *files* changed is for their reader to see.
        """
        for _, place, before in self.folders:
            try:
                now = os.stat(place)
            except OSError as error:
                raise unreadable(place, error) from error
            if (now.st_mtime_ns, now.st_ino, now.st_dev) != (before.st_mtime_ns, before.st_ino, before.st_dev):
                raise UsageError(f"{place} changed while it was read", hint="wait until its writer is done")


def scan(folder: str, *, symlinks: str = REFUSE) -> Scan:
    """Look at a folder and all below it.

    Parameters
    ----------
    folder : str
        Its path; if that is itself a link, it is followed.
    symlinks : {"refuse", "follow"}
        What to do about links in it.

    Returns
    -------
    Scan
        It takes some 0.5 kB of memory a file.

    Raises
    ------
    UsageError
        If something in it cannot be in a tree, or cannot be read; the message names it.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> folder = pathlib.Path(tempfile.mkdtemp())
    >>> (folder / "b").mkdir()
    >>> _ = (folder / "a.txt").write_text("content")
    >>> found = scan(str(folder))
    >>> [file.path for file in found.files], found.empty
    (['a.txt'], ['b'])
    """
    if symlinks not in SYMLINKS:
        raise UsageError(f"symlinks is {symlinks!r}", hint=f"it is one of {', '.join(SYMLINKS)}")
    scanner = _Scanner(follow=symlinks == FOLLOW)
    scanner.walk(folder.rstrip("/") or "/")
    _refuse_twins(scanner.result)
    return scanner.result


class _Scanner:
    """Walks down, and gathers."""

    def __init__(self, *, follow: bool) -> None:
        self.result = Scan([], [], [])
        self._follow = follow

    def walk(self, root: str) -> None:
        """Look at a folder and all below it; a list of what is to come serves, since folders may nest deeply."""
        to_come: list[tuple[str, str, tuple[tuple[int, int], ...]]] = [("", root, ())]
        while to_come:
            path, place, around = to_come.pop()
            here = self._look(place, follow=self._follow or not path)
            identity = (here.st_dev, here.st_ino)
            if identity in around:
                raise UsageError(f"{place} is a link to a folder around it", hint="remove the link")
            self.result.folders.append(FoundFolder(path, place, here))
            names = _names(place)
            if path and not names:
                self.result.empty.append(path)
            within = (*around, identity)
            for name in names:
                self._name(_joined(path, name, place), f"{place}/{name}", within, to_come)

    def _name(self, path: str, place: str, around: tuple[tuple[int, int], ...], to_come: list[Any]) -> None:
        found = self._look(place, follow=self._follow)
        if stat.S_ISDIR(found.st_mode):
            to_come.append((path, place, around))
        elif stat.S_ISREG(found.st_mode):
            self.result.files.append(FoundFile(path, place, found))
        else:
            raise UsageError(
                f"{place} is neither a file nor a folder, but a FIFO, a socket or a device",
                hint="a stored folder holds plain files; remove it",
            )

    def _look(self, place: str, *, follow: bool) -> os.stat_result:
        """Look at what a name leads to; at a link only if it is to be followed."""
        try:
            found = os.stat(place, follow_symlinks=follow)
        except OSError as error:
            raise unreadable(place, error) from error
        if stat.S_ISLNK(found.st_mode):
            raise UsageError(
                f"{place} is a symbolic link, which a stored folder does not keep",
                hint=FOLLOWING,
            )
        return found


def _names(place: str) -> list[str]:
    try:
        return sorted(os.listdir(place))  # noqa: PTH208 - strings throughout
    except OSError as error:
        raise unreadable(place, error) from error


def _joined(path: str, name: str, place: str) -> str:
    """Return the path in the tree of a name in a folder."""
    joined = f"{path}/{name}" if path else name
    if not joined.isascii():
        joined = unicodedata.normalize("NFC", joined)
    try:
        check_path(joined)
    except UsageError as error:
        raise UsageError(f"{place}: {error.message}", hint=error.hint) from None
    return joined


def _refuse_twins(result: Scan) -> None:
    """Refuse two names that the composed form makes one: the files of one folder would hide those of the other."""
    places: dict[str, str] = {}
    for path, place, _ in (*result.files, *result.folders):
        other = places.setdefault(path, place) if not path.isascii() else place
        if other != place:
            raise UsageError(
                f"{other!a} and {place!a} are one name in Unicode's composed form (NFC)", hint="rename one of them"
            )


def unreadable(place: str, error: OSError) -> UsageError:
    """Say that something in a folder cannot be read."""
    if os.path.islink(place):
        hint = "a broken link?"
    elif isinstance(error, FileNotFoundError):
        hint = "somebody removed it meanwhile: wait until they are done"
    else:
        hint = "see to it that it can be read"
    return UsageError(f"cannot read {place}: {error.strerror or error}", hint=hint)
