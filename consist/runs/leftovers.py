"""Declared outputs that the function did not write: what was there before is another run's, and no outcome of this one.

A folder is looked at file by file. One that a run wrote into and that still holds another run's files (a partition, a
page of a report that this config does not make) would be recorded as made by this run, and found again as such.
"""

from __future__ import annotations

import os
import stat

from consist.errors import OutputError, UsageError

CLOCK_SLACK = 2.0
"""Seconds by which the clock of a file's system may be behind ours."""


def refuse_left_over(key: str, path: str, started: float, *, symlinks: str) -> None:
    """Refuse what was there before and was not written since.

    Parameters
    ----------
    key, path : str
        A declared output.
    started : float
        Seconds since 1970: when the function was called. Times of change (ctime) are compared with it, which copying
        and unpacking cannot set back.
    symlinks : str
        What to do about links in folders.

    Raises
    ------
    OutputError
        The message names the file; of a folder, one file in it.
    """
    from consist.blobs.folderscan import scan

    oldest = started - CLOCK_SLACK
    try:
        found = os.stat(path)  # noqa: PTH116 - strings throughout
        files = scan(path, symlinks=symlinks).files if stat.S_ISDIR(found.st_mode) else []
    except (OSError, UsageError):
        return  # it is missing, or cannot be read: that is said where it is read
    if not files and found.st_ctime < oldest:
        raise OutputError(
            f"output {key!r}: {path} was there before, and the function did not write it",
            hint="write it in every case, or return its Path only where it was written",
        )
    for file in files:
        if file.found.st_ctime < oldest:
            raise OutputError(
                f"output {key!r}: {file.place} was there before, and the function did not write it",
                hint="empty the folder before it is written, so that it holds this run's files only",
            )
