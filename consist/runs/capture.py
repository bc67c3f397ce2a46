"""`Capture`: what appears or changes below a folder, as outputs of a run. For programs that write what they like.

A file counts as written if it was not there before, or if its size, times or inode are not what they were: writing the
same bytes again counts. Files are told apart by `stat`, never read for that. Links are treated as in a folder that is
an output: one that matches and was written is an error, unless links are to be followed.
"""

from __future__ import annotations

import os
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, NamedTuple, Self

from consist.blobs.folderscan import FOLLOW, FOLLOWING, SYMLINKS
from consist.errors import ConsistWarning, OutputError, UsageError, warn
from consist.identity.names import check_name
from consist.runs.outputs import Outputs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import TracebackType

    from consist.runs.artifact import Artifact

SEPARATOR = "__"
"""Between the folders of a file in its output's name: a parameter of the next step can be called so."""


class _Look(NamedTuple):
    """What `stat` says of a file, or of what a link leads to."""

    inode: int
    size: int
    mtime_ns: int
    ctime_ns: int
    link: bool


class Capture:
    """Files that are written below a folder, on their way to be outputs. Made by `RunContext.capture_outputs`.

    Parameters
    ----------
    folder, pattern, symlinks : str
        As `RunContext.capture_outputs` takes them.
    take : callable
        Makes an output of a file, under a key.
    withdraw : callable
        Told that the capture is used as a block, and so ends by itself.

    Attributes
    ----------
    outputs : dict of str to Artifact
        What was captured; empty until the end of the block, or of the run.
    """

    def __init__(
        self,
        folder: str,
        pattern: str,
        take: Callable[[Path, str], Artifact],
        withdraw: Callable[[Capture], object],
        *,
        symlinks: str,
    ) -> None:
        if not pattern:
            raise UsageError("the pattern is empty, so no file matches it", hint='write which files, such as "*.csv"')
        if symlinks not in SYMLINKS:
            raise UsageError(f"symlinks is {symlinks!r:.60}", hint=f"it is one of {', '.join(SYMLINKS)}")
        self.outputs: dict[str, Artifact] = Outputs()
        self._folder = os.path.abspath(folder)  # noqa: PTH100 - now: the block may change the working folder
        self._pattern = pattern
        self._follow = symlinks == FOLLOW
        self._take = take
        self._withdraw = withdraw
        self._before = self._look()

    def __enter__(self) -> Self:
        self._withdraw(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.finish()

    def finish(self) -> None:
        """Make outputs of what was written since.

        Raises
        ------
        OutputError
            If two files would have one name, a name cannot be one, a file cannot be read, or one is a link.
        """
        now = self._look()
        written = sorted(path for path, look in now.items() if self._before.get(path) != look)
        if not written:
            told = f"no file that matches {self._pattern!r} was written below {self._folder} while it was captured"
            warn(told, ConsistWarning)
        link = next((path for path in written if now[path].link and not self._follow), None)
        if link is not None:
            place = os.path.join(self._folder, link)  # noqa: PTH118 - strings throughout
            raise OutputError(f"{place} is a symbolic link, which no output keeps", hint=FOLLOWING)
        for key, path in _keys(written).items():
            self.outputs[key] = self._take(Path(self._folder, path), key)

    def _look(self) -> dict[str, _Look]:
        pattern = _parts(self._pattern)
        return {
            path: look
            for path, look in _files(self._folder, "", follow=self._follow)
            if _matches(tuple(path.split("/")), pattern)
        }


def _files(folder: str, start: str, *, follow: bool, around: tuple[str, ...] = ()) -> Iterator[tuple[str, _Look]]:
    """Yield path, from the folder on, and look of each file below a folder; nothing if it is not there.

    A link to a folder is looked into if it is to be `follow`-ed, and is one thing by itself else.
    """
    real = os.path.realpath(folder)
    if real in around:
        raise OutputError(f"{folder} is a link to a folder around it", hint="remove the link")
    try:
        with os.scandir(folder) as entries:
            found = list(entries)
        for entry in found:
            if entry.is_dir(follow_symlinks=follow):
                yield from _files(entry.path, f"{start}{entry.name}/", follow=follow, around=(*around, real))
            elif entry.is_file() or entry.is_symlink():
                yield start + entry.name, _look_at(entry)
    except FileNotFoundError:  # it comes later, or went while we looked
        return
    except OSError as error:
        raise OutputError(f"cannot look at {folder}: {error.strerror}") from error


def _look_at(entry: os.DirEntry[str]) -> _Look:
    """Look at a file, through a link if that leads to one; what is written below a folder is no change of a link."""
    link = entry.is_symlink()
    found = entry.stat(follow_symlinks=not link or entry.is_file())
    return _Look(found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns, link)


def _parts(pattern: str) -> tuple[str, ...]:
    parts = PurePosixPath(pattern).parts
    return (*parts, "*") if parts[-1:] == ("**",) else parts


def _matches(path: tuple[str, ...], pattern: tuple[str, ...]) -> bool:
    """Tell whether the end of a path matches a pattern, part by part; ``**`` is any number of folders.

    `PurePath.match` takes ``**`` for ``*``, and what does not came with Python 3.13.

    Examples
    --------
    >>> [_matches(("a", "b", "x.csv"), pattern) for pattern in [("*.csv",), ("b", "*.csv"), ("a", "*.csv")]]
    [True, True, False]
    >>> [_matches(path, ("**", "*.csv")) for path in [("x.csv",), ("a", "x.csv"), ("a", "b", "x.csv")]]
    [True, True, True]
    """
    if not pattern:
        return True
    if pattern[-1] == "**":
        return any(_matches(path[:end], pattern[:-1]) for end in range(len(path) + 1))
    return bool(path) and fnmatchcase(path[-1], pattern[-1]) and _matches(path[:-1], pattern[:-1])


def _keys(paths: list[str]) -> dict[str, str]:
    """Name each file: its path without the suffix, folders joined by `SEPARATOR`."""
    keys: dict[str, str] = {}
    for path in paths:
        key = check_name("output", str(PurePosixPath(path).with_suffix("")).replace("/", SEPARATOR))
        if key in keys:
            raise OutputError(
                f"{keys[key]} and {path} would both be the output {key!r}",
                hint="narrow the pattern, and log the others with log_output(path, key=…)",
            )
        keys[key] = path
    return keys
