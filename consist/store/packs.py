"""Packs, as `verify` finds them: which are there and whole, and which blobs need what is damaged in one."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from consist.blobs.pack import PackRef, row_of, split_rows, verify_pack
from consist.blobs.unreadable import is_lost, is_of_object, problem_of
from consist.errors import BlobNotFoundError, DamagedError, FormatError, StorageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from consist.blobs.backend import Backend, ObjectStat
    from consist.blobs.manifest import Manifest
    from consist.hashing.digest import Digest

_NOTHING: frozenset[int] = frozenset()


@dataclass(slots=True)
class PackState:
    """What is known of a pack.

    Attributes
    ----------
    size : int
        Bytes that it has; 0 if it is missing.
    problem : str or None
        What is wrong with it.
    damaged : frozenset of int or None
        Where in it the chunks begin that are damaged; None if all are, as far as is known.
    rows : bytes or None
        What its directory lists, if it was read.
    is_unknown : bool
        It cannot be checked, and is not damaged for all that is known: a newer consist wrote it, or there is no right
        to read it.
    """

    size: int
    problem: str | None = None
    damaged: frozenset[int] | None = _NOTHING
    rows: bytes | None = None
    is_unknown: bool = False


def look_at_packs(
    backend: Backend,
    listed: Iterable[tuple[Digest, ObjectStat]],
    is_read: Callable[[Digest], bool],
    seen: Callable[[int], object],
) -> dict[bytes, PackState]:
    """Return the state of each pack, by its raw digest; those that are read are compared with their names."""
    states: dict[bytes, PackState] = {}
    for digest, found in listed:
        state = PackState(found.size)
        if is_read(digest):
            _read(backend, PackRef(digest.raw, found.size), state)
        states[digest.raw] = state
        seen(found.size)
    return states


def harmed_and_foreign(
    backend: Backend, manifest: Manifest, states: dict[bytes, PackState]
) -> tuple[set[int], set[int]]:
    """Tell which packs of a manifest have damage that the blob needs, and which have no such chunk as it names.

    Parameters
    ----------
    backend : Backend
        Asked for packs that are not among the states: a writer may have put them since.
    manifest : Manifest
        Of the blob.
    states : dict of bytes to PackState
        Added to, where a pack is missing or of another size.

    Returns
    -------
    tuple of (set of int, set of int)
        Numbers of packs.
    """
    packs = [_state_of(backend, ref, states) for ref in manifest.packs]
    harmed: set[int] = set()
    foreign: set[int] = set()
    for digest, encoding, number, offset, stored, raw in manifest.chunks:
        state = packs[number]
        if state.damaged is None or offset in state.damaged:
            harmed.add(number)
        elif state.rows is not None and row_of(digest, encoding, offset, stored, raw) not in _listed(state.rows):
            foreign.add(number)
    return harmed, foreign


def _read(backend: Backend, ref: PackRef, state: PackState) -> None:
    unread: list[StorageError] = []
    try:
        state.rows, state.damaged = verify_pack(backend, ref, unread.append)
    except DamagedError:
        state.problem, state.damaged = "its directory is not what its name says", None
    except FormatError as error:
        state.problem, state.is_unknown = error.message, True
    except BlobNotFoundError:
        _call_missing(state)
    except StorageError as error:
        if not is_of_object(error):
            raise
        state.problem = problem_of(error)
        if is_lost(error):
            state.damaged = None
        else:
            state.is_unknown = True
    else:
        if state.damaged:
            why = unread[0].message if unread else "its bytes are not what its name says"
            state.problem = f"{why}: {len(state.damaged)} of its chunks"


def _state_of(backend: Backend, ref: PackRef, states: dict[bytes, PackState]) -> PackState:
    state = states.get(ref.digest)
    if state is None:
        found = backend.stat(ref.key)
        state = states[ref.digest] = PackState(0 if found is None else found.size)
        if found is None:
            _call_missing(state)
    if state.problem is None and state.size != ref.size:
        state.problem, state.damaged = f"has {state.size} bytes, not {ref.size}", None
    return state


def _call_missing(state: PackState) -> None:
    state.size, state.problem, state.damaged = 0, "missing", None


@lru_cache(maxsize=64)
def _listed(rows: bytes) -> frozenset[bytes]:
    """Take a directory apart, for the many chunks that lie in one pack; the packs of a few manifests are kept."""
    return frozenset(split_rows(rows))
