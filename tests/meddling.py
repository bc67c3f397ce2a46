"""A writer elsewhere: it changes a file just after a reader has opened it and looked."""

from __future__ import annotations

import os


def meddle(monkeypatch, target, often, size=None):
    """Let a file change in the middle of each of the next reads.

    Parameters
    ----------
    monkeypatch : pytest.MonkeyPatch
        Of the test.
    target : pathlib.Path
        The file.
    often : int
        In how many reads. The last content is that number, as often as the file has bytes.
    size : int, optional
        How many bytes it has from then on. Default: as many as it has, with its date set back as well.
    """
    inode, look_at, times = target.stat().st_ino, os.fstat, 0

    def fstat(descriptor):
        nonlocal times
        found = look_at(descriptor)
        if found.st_ino == inode and times < often:
            times += 1
            with target.open("r+b") as stream:
                stream.write(b"%d" % times * (found.st_size if size is None else size))
                stream.truncate()
            if size is None:
                os.utime(target, ns=(found.st_atime_ns, found.st_mtime_ns))
        return found

    monkeypatch.setattr(os, "fstat", fstat)
