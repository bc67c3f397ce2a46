"""Notes of the paths that runs write to, which all processes of a machine read that share an index.

One file beside the index, ``<index>-writes``; a note is a line of it, appended whole. Their order is the only clock: a
run has begun where the file ended at that moment. A process with a run under way holds a shared lock of the file's
first byte, a POSIX one, since of those it can be asked whether others have it. Where nobody has, nobody needs a note,
and most runs write none; and who gets the lock alone may delete the file.

Here it is not decided which runs have written together; that is ``runs/elsewhere.py``. The notes hold nothing of
value: without them only what is under way at that moment goes unseen.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import threading
from typing import NamedTuple

from consist.errors import StorageError
from consist.fileops import perform
from consist.index.lockfile import is_held_by_others
from consist.store.processes import this_process

LIMIT = 64 << 10
"""Bytes beyond which the file is deleted, as soon as no run is under way."""

_LOOK_BACK = 1 << 20
"""Bytes that a process reads of what was noted before it came."""

BEGAN, WROTE, ENDED = "began", "wrote", "ended"
"""What a note says: a run will write to declared paths; it wrote, and is recorded; it wrote, and is not."""


_encode = json.JSONEncoder(separators=(",", ":")).encode


class Note(NamedTuple):
    """What a run said of the paths that it writes to.

    Attributes
    ----------
    process : str
        Who says it, as `this_process` calls it.
    number : int
        Of the run among those of the process.
    kind : str
        `BEGAN`, `WROTE` or `ENDED`.
    run, step, signature, store : str
        The run, and where it is recorded; the signature is empty if it has none.
    begun : int
        Where the notes ended when it began.
    above : list of str
        The processes that the process descends from.
    around : list of str
        The runs that the run is within.
    paths : dict of str to str
        Absolute, links resolved, each with the digest of its content; empty where that is not known.
    inodes : dict of str to str
        Those of the files that have another name besides, by device and inode.
    at : int
        Where it lies in the notes; -1 before it does.
    """

    process: str
    number: int
    kind: str
    run: str
    step: str
    signature: str
    store: str
    begun: int
    above: list[str]
    around: list[str]
    paths: dict[str, str]
    inodes: dict[str, str]
    at: int = -1


class PathNotes:
    """The notes beside one index, as this process reads and writes them. Safe under threads.

    Parameters
    ----------
    path : str
        Their file.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._descriptor = -1
        self._read_to = 0
        self._begun: list[int] = []
        self._since: list[Note] = []
        self._open: dict[tuple[str, int], Note] = {}

    def enter(self, *, create: bool = True) -> int:
        """Begin a run, until `leave`; return where the notes end now.

        Raises
        ------
        StorageError, OSError
            If the file cannot be used; without `create` also if there is none.
        """
        with self._lock:
            begun = os.fstat(self._descriptor).st_size if self._begun else self._held(create=create)
            self._begun.append(begun)
        return begun

    def leave(self, begun: int) -> None:
        """End a run that began there."""
        with self._lock:
            if self._descriptor < 0:
                return  # this is a child that was forked meanwhile: the run is its parent's
            self._begun.remove(begun)
            if not self._begun:
                self._since.clear()
                fcntl.lockf(self._descriptor, fcntl.LOCK_UN, 1)
            elif self._since:
                oldest = min(self._begun)
                self._since = [note for note in self._since if note.at >= oldest]

    def add(self, note: Note) -> int:
        """Append a note; return where it lies.

        Raises
        ------
        StorageError
            If it cannot be written.
        """
        return self._append(_encode(note[:-1]))

    def add_end(self, number: int) -> None:
        """Say of a run that said that it began that it ended, and nothing else, as far as somebody needs to know.

        Raises
        ------
        StorageError
            If it cannot be written.
        """
        self._append(_encode([this_process(), number]))

    def close(self) -> None:
        """Close the file, unless a run is under way; the next one opens it again."""
        with self._lock:
            if self._descriptor >= 0 and not self._begun:
                self._drop()

    def _append(self, text: str) -> int:
        line = f"\n{text}\n".encode()  # a line feed before it, too: what a full disk cut short must not spoil it
        with self._lock:
            if self._descriptor < 0:
                return 0
            perform("write", self._path, os.write, self._descriptor, line)
            end = os.lseek(self._descriptor, 0, os.SEEK_CUR)
            at = end - len(line)
            if at == self._read_to:
                self._read_to = end  # our own is not read back
            return at + 1

    def is_alone(self, begun: int) -> bool:
        """Tell whether no other process had a run under way since then, nor has now: then nobody needs a note.

        Who has ended by now has met us, and so left a note.
        """
        with self._lock:
            if self._descriptor < 0 or is_held_by_others(self._descriptor):
                return False
            self._catch_up()  # after that: who lets go has written before
            return not self._since or all(note.at < begun for note in self._since)

    def others(self, place: int) -> list[Note]:
        """Return what other processes noted since then, and before it of those that did not say that they ended.

        Parameters
        ----------
        place : int
            Where a run has begun that is under way.
        """
        with self._lock:
            self._catch_up()
            if not self._open and not self._since:
                return []  # as most often
            began = [note for note in self._open.values() if note.at < place]
            return began + [note for note in self._since if note.at >= place]

    def _held(self, *, create: bool) -> int:
        """Hold the file, which is deleted before if it is large and needed by nobody; return its size."""
        while True:
            if self._descriptor < 0:
                flags = os.O_RDWR | os.O_APPEND | os.O_CLOEXEC | (os.O_CREAT if create else 0)
                self._descriptor = perform("open", self._path, os.open, self._path, flags, 0o600)
            fcntl.lockf(self._descriptor, fcntl.LOCK_SH, 1)
            found = os.fstat(self._descriptor)
            if found.st_nlink and (found.st_size <= LIMIT or not self._deleted()):
                return found.st_size
            self._drop()

    def _deleted(self) -> bool:
        """Delete the file if no other process needs it; tell whether it is gone."""
        try:
            fcntl.lockf(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB, 1)
            perform("unlink", self._path, os.unlink, self._path)
        except (BlockingIOError, PermissionError, FileNotFoundError, StorageError):
            fcntl.lockf(self._descriptor, fcntl.LOCK_SH, 1)
        return not os.fstat(self._descriptor).st_nlink

    def _drop(self) -> None:
        """Close the file, and forget what was read of it."""
        os.close(self._descriptor)
        self._descriptor, self._read_to = -1, 0
        self._since.clear()
        self._open.clear()

    def _catch_up(self) -> None:
        """Read what was noted since the last time."""
        if self._descriptor < 0:
            return
        size = os.fstat(self._descriptor).st_size
        if size == self._read_to:
            return
        if not self._read_to:
            self._read_to = max(0, min((size - _LOOK_BACK, *self._begun)))
        data = os.pread(self._descriptor, size - self._read_to, self._read_to)
        own = b'["%s",' % this_process().encode()
        at = self._read_to
        for line in data.splitlines(keepends=True):
            if not line.endswith(b"\n"):
                break  # it is being written
            if len(line) > 1 and not line.startswith(own):
                self._take(line, at)
            at += len(line)
        self._read_to = at

    def _take(self, line: bytes, at: int) -> None:
        try:
            process, number, *said = json.loads(line)
            self._open.pop((process, number), None)
            if not said:
                return
            note = Note(process, number, *said)._replace(at=at)
        except (ValueError, TypeError):  # it was cut short
            return
        if note.kind == BEGAN:
            self._open[process, number] = note
        if self._begun and at >= min(self._begun):
            self._since.append(note)

    def forked(self) -> None:
        """Begin anew in a forked child: the runs, the lock and perhaps a held mutex are its parent's."""
        self._lock = threading.Lock()
        if self._descriptor >= 0:
            with contextlib.suppress(OSError):
                self._drop()
        self._begun.clear()


_NOTES: dict[str, PathNotes] = {}


def path_notes(index: str) -> PathNotes:
    """Return the notes beside an index, of which a process has one object."""
    return _NOTES.get(index) or _NOTES.setdefault(index, PathNotes(f"{index}-writes"))


def _after_fork_in_child() -> None:
    for notes in _NOTES.values():
        notes.forked()


os.register_at_fork(after_in_child=_after_fork_in_child)
