"""A file that appears whole: written beside its place, checked by whoever writes it, renamed over what was there."""

# Paths are plain strings in this layer: pathlib costs more than some of the calls.
# ruff: noqa: PTH118, PTH120

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from consist.blobs import posix
from consist.errors import UsageError
from consist.fileops import perform

if TYPE_CHECKING:
    from collections.abc import Callable


def write_file(
    path: str | os.PathLike[str], fill: Callable[[posix.Growing], object], *, durable: bool, executable: bool
) -> None:
    """Write a file; if `fill` raises, what was there is as it was.

    Parameters
    ----------
    path : str or path
        The file; its folder must exist. A link is replaced, not followed.
    fill : callable
        Is given the file to write, and returns when all that is in it was right.
    durable : bool
        Sync file and folder before returning.
    executable : bool
        Whether whoever may read the file may execute it; the umask takes its share.

    Raises
    ------
    UsageError
        If the folder does not exist.
    """
    target = os.fspath(path)
    folder = os.path.dirname(target) or "."
    try:
        name, mode = f".consist-{os.urandom(8).hex()}.tmp", 0o777 if executable else 0o666
        temp = posix.TempFile(os.path.join(folder, name), mode)
    except FileNotFoundError:
        raise UsageError(f"cannot write {target}: there is no folder {folder}", hint="make it first") from None
    with temp:
        fill(temp)
        temp.seal(mode=None, durable=durable)
        perform("rename", target, os.replace, temp.path, target)
        temp.published = True
    if durable:
        posix.sync_folder(folder)
