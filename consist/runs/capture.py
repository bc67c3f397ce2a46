"""`Capture`: what appears or changes below a folder, as outputs of a run. For programs that write what they like.

A file counts as written if it was not there before, or if its size, times or inode are not what they were: writing the
same bytes again counts. Files are told apart by `stat`, never read for that. Links to folders are not followed.
"""

from __future__ import annotations

import os
import warnings
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, NamedTuple, Self

from consist.errors import ConsistWarning, OutputError, UsageError
from consist.identity.names import check_name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import TracebackType

    from consist.runs.artifact import Artifact

SEPARATOR = "__"
"""Between the folders of a file in its output's name: a parameter of the next step can be called so."""


class _Look(NamedTuple):
    """What `stat` says of a file."""

    inode: int
    size: int
    mtime_ns: int
    ctime_ns: int


class Capture:
    """Files that are written below a folder, on their way to be outputs. Made by `RunContext.capture_outputs`.

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
    ) -> None:
        if not pattern:
            raise UsageError("the pattern is empty, so no file matches it", hint='write which files, such as "*.csv"')
        self.outputs: dict[str, Artifact] = {}
        self._folder = os.path.abspath(folder)  # noqa: PTH100 - now: the block may change the working folder
        self._pattern = pattern
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
            If two files would have one name, a name cannot be one, or a file cannot be read.
        """
        written = sorted(path for path, look in self._look().items() if self._before.get(path) != look)
        if not written:
            warnings.warn(
                f"no file that matches {self._pattern!r} was written below {self._folder} while it was captured",
                ConsistWarning,
                stacklevel=3,
            )
        for key, path in _keys(written).items():
            self.outputs[key] = self._take(Path(self._folder, path), key)

    def _look(self) -> dict[str, _Look]:
        return {
            path: _Look(found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)
            for path, found in _files(self._folder, "")
            if PurePosixPath(path).match(self._pattern)
        }


def _files(folder: str, start: str) -> Iterator[tuple[str, os.stat_result]]:
    """Yield path, from the folder on, and stat of each file below a folder; nothing if it is not there."""
    try:
        with os.scandir(folder) as entries:
            found = list(entries)
        for entry in found:
            if entry.is_dir(follow_symlinks=False):
                yield from _files(entry.path, f"{start}{entry.name}/")
            elif entry.is_file():
                yield start + entry.name, entry.stat()
    except FileNotFoundError:  # it comes later, or went while we looked
        return
    except OSError as error:
        raise OutputError(f"cannot look at {folder}: {error.strerror}") from error


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
