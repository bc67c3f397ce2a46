"""What other processes write to the paths of a run while it is under way, by the notes beside their index.

`claims.py` is the same for the threads of one process. There no step is compared with another one, since a step that
has threads run others looks like two that write together. Here that is told apart: its workers descend from it.
"""

from __future__ import annotations

import contextlib
import itertools
import math
import os
import stat
from typing import TYPE_CHECKING, NamedTuple

from consist.runs.places import common_places
from consist.store.pathnotes import BEGAN, ENDED, WROTE, Note, path_notes
from consist.store.processes import is_alive, processes_above, this_process

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from consist.hashing.digest import Digest
    from consist.index.records import RunRecord
    from consist.store.pathnotes import PathNotes
    from consist.store.store import Store

_numbers = itertools.count()


class Elsewhere:
    """A run of this process, as those of others meet it. Made by `join`.

    Parameters
    ----------
    run : RunRecord
        The run.
    around : tuple of str
        The runs that it is run in.
    store : Store
        Where it is recorded.
    signature : Digest or None
        What it is.
    begun : int
        Where the notes ended when it began.
    """

    # Of the class until they are known, as of most runs they never are, and making them takes a microsecond of each.
    _number = -1
    _declared: Note | None = None
    _said: Note | None = None
    _end: float = math.inf  # where it has said what it wrote
    _met: Sequence[Note] = ()

    def __init__(
        self, run: RunRecord, around: tuple[str, ...], store: Store, signature: Digest | None, begun: int
    ) -> None:
        self._run = run
        self._around = around
        self._store = store
        self._signature = signature
        self._begun = begun
        self._notes = notes_beside(store)

    def declare(self, places: Iterable[str]) -> None:
        """Say which paths the run will write to, and look who writes there already."""
        self._declared = self._note(BEGAN, dict.fromkeys(places, ""))
        with contextlib.suppress(OSError):  # what it wrote is said too, and told if that cannot be
            self._notes.add(self._declared)
        self._met = [note for note in self._notes.others(self._begun) if self._place(self._declared, note) is not None]

    def wrote(self, places: Mapping[str, str]) -> list[Rival]:
        """Say what the run wrote, after it was stored; return who else wrote since it began, each with a path.

        Parameters
        ----------
        places : mapping of str to str
            Paths, links resolved, with the digests of what was stored; empty where nothing was.

        Raises
        ------
        OSError
            If it cannot be said.
        """
        if self._is_alone():
            return []
        said = self._note(WROTE, places)
        self._end = self._notes.add(said)
        self._said = said
        return self._rivals((*self._met, *self._notes.others(self._begun)))

    def is_shared(self) -> bool:
        """Tell whether others have said since `wrote` that they wrote at the same time."""
        if self._said is None:
            return False  # as most often
        with contextlib.suppress(OSError):
            return bool(self._rivals(self._notes.others(int(self._end))))
        return False

    def leave(self) -> None:
        """End the run; whoever has met what it declared hears that it was written."""
        if self._declared is not None and self._said is None:
            with contextlib.suppress(OSError):
                if not self._is_alone():
                    self._notes.add(self._declared._replace(kind=ENDED))
        with contextlib.suppress(OSError):  # the function may have closed what is no file of its own
            self._notes.leave(self._begun)

    def _is_alone(self) -> bool:
        """Tell whether no run of another process has met this one, so that none needs to hear of its paths."""
        if self._met or not self._notes.is_alone(self._begun):
            return False
        if self._declared is not None:
            self._notes.add_end(self._number)
            self._declared = None
        return True

    def _note(self, kind: str, places: Mapping[str, str]) -> Note:
        if self._number < 0:
            self._number = next(_numbers)
        return Note(
            process=this_process(),
            number=self._number,
            kind=kind,
            run=self._run.id,
            step=self._run.step,
            signature="" if self._signature is None else self._signature.hex,
            store=self._store.config.id,
            begun=self._begun,
            above=processes_above(),
            around=list(self._around),
            paths=dict(places),
            inodes=_linked(places) if kind == WROTE else {},
        )

    def _rivals(self, notes: Collection[Note]) -> list[Rival]:
        """Return those of some notes that say that the run's paths were written, the last of each run."""
        said = self._said
        if not notes or said is None:
            return []
        last = {(note.process, note.number): note for note in notes}
        return [Rival(note, place) for note in last.values() if (place := self._place(said, note)) is not None]

    def _place(self, mine: Note, other: Note) -> str | None:
        """Return a path that another run wrote, or was about to, while this one was under way; None if it did not."""
        if other.begun > self._end or (place := _clash(mine, other)) is None:
            return None
        is_before = other.kind == BEGAN and other.at < self._begun
        return place if not is_before or other in self._met or is_alive(other.process) else None


class Rival(NamedTuple):
    """A run of another process, and a path that it wrote at the same time."""

    note: Note
    place: str

    def told(self) -> str:
        """Say it."""
        number, wrote = self.note.process.partition(":")[0], "was to write" if self.note.kind == BEGAN else "wrote"
        return f"run {self.note.run} of {self.note.step!r}, in process {number}, {wrote} {self.place} at the same time"


def join(
    run: RunRecord, around: tuple[str, ...], store: Store, signature: Digest | None, *, writes: bool
) -> Elsewhere | None:
    """Let other processes meet a run that begins; None if nothing can be noted beside the index.

    Who must not write makes no file for that, and uses one that is there.
    """
    try:
        begun = notes_beside(store).enter(create=writes)
    except OSError:  # also of a file system without locks: as if there were no other process
        return None
    return Elsewhere(run, around, store, signature, begun)


def notes_beside(store: Store) -> PathNotes:
    """Return the notes beside a store's index."""
    return path_notes(store.index.environment.path)


def _clash(mine: Note, other: Note) -> str | None:
    """Return a path of a run that another one wrote; None if there is none, or nothing is wrong with that."""
    if other.run in mine.around or mine.run in other.around:
        return None
    if other.step != mine.step and (other.process in mine.above or mine.process in other.above):
        return None  # it may have started it
    common = common_places(mine.paths, other.paths)
    common.update(mine.inodes[inode] for inode in mine.inodes.keys() & other.inodes.keys())
    if mine.signature and mine.signature == other.signature:  # it wrote the same: a retry, or an overwrite
        common = {place for place in common if mine.paths[place] != other.paths.get(place, mine.paths[place])}
        common = {place for place in common if mine.paths[place] and other.paths[place]}
    return min(common, default=None)


def _linked(places: Iterable[str]) -> dict[str, str]:
    """Return which of some files have another name besides, by inode; one with a single name may be another's soon."""
    found = {}
    for place in places:
        try:
            look = os.stat(place)  # noqa: PTH116 - strings throughout
        except OSError:
            continue
        if look.st_nlink > 1 and stat.S_ISREG(look.st_mode):
            found[f"{look.st_dev}:{look.st_ino}"] = place
    return found
