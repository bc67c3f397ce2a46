"""The stores that an index was used with: ids, numbers, locations, and whether their tables are complete."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, NamedTuple

from consist.index.schema import META_STORE_BY_ID, META_STORE_BY_NUMBER, NO_STORE, known_prefix, name, seal, unseal

if TYPE_CHECKING:
    from consist.index.environment import Environment
    from consist.index.schema import Tables, Transaction
    from consist.index.view import View

_USER_INFO = re.compile(r"\A([A-Za-z][A-Za-z0-9+.:-]*://)[^/@]*@")
_IS_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.:-]*://")


class KnownStore(NamedTuple):
    """A store that the index was used with.

    Attributes
    ----------
    store_id : str
        The id in its ``consist.json``.
    location : str
        Where it was last: an absolute folder or a URL; ``""`` if nobody said.
    """

    store_id: str
    location: str


def prefix(txn: Transaction, tables: Tables, store_id: str, *, allot: bool) -> bytes:
    """Return the number that a store's keys begin with.

    Parameters
    ----------
    allot : bool
        Give a store that is not known a number; else it has `NO_STORE`, under which there is nothing.
    """
    known = known_prefix(txn, tables, store_id)
    if known is not None:
        return known
    return _allot(txn, tables, store_id) if allot else NO_STORE


def remember(environment: Environment, store_id: str, location: str) -> None:
    """Remember where a store lies: a folder below the index's own as relative, so that both can be moved together.

    User and password in a URL are left out.
    """
    kept = _relative(environment.path, location)

    def change(txn: Transaction, tables: Tables) -> None:
        number = prefix(txn, tables, store_id, allot=True)
        _, old, complete = _header(txn, tables, number)
        if old != kept:
            _put_header(txn, tables, number, (store_id, kept, complete))

    def holds(txn: Transaction, tables: Tables) -> bool:
        number = known_prefix(txn, tables, store_id)
        return number is not None and _header(txn, tables, number)[1] == kept

    if not environment.read(holds):  # so that opening a store need not wait for another process's write
        environment.write(change)


def known(environment: Environment) -> list[KnownStore]:
    """Return all stores that an index was used with, in order of first use."""

    def look(txn: Transaction, tables: Tables) -> list[tuple[str, str, bool]]:
        with txn.cursor(tables.meta) as cursor:
            cursor.set_range(META_STORE_BY_NUMBER)
            keys = []
            for key in cursor.iternext(values=False):
                if not key.startswith(META_STORE_BY_NUMBER):
                    break
                keys.append(key)
        return [_header(txn, tables, key.removeprefix(META_STORE_BY_NUMBER)) for key in keys]

    return [KnownStore(found, _absolute(environment.path, kept)) for found, kept, _ in environment.read(look)]


def is_complete(view: View) -> bool:
    """Tell whether the store's tables hold all that the store has."""
    return view.prefix != NO_STORE and _header(view.txn, view.tables, view.prefix)[2]


def mark_complete(view: View) -> None:
    """Say that the store's tables hold all that the store has."""
    _set_complete(view, complete=True)


def mark_incomplete(view: View) -> None:
    """Say that the store's tables are being emptied and filled anew."""
    _set_complete(view, complete=False)


def _set_complete(view: View, *, complete: bool) -> None:
    store_id, location, _ = _header(view.txn, view.tables, view.prefix)
    _put_header(view.txn, view.tables, view.prefix, (store_id, location, complete))


def _allot(txn: Transaction, tables: Tables, store_id: str) -> bytes:
    with txn.cursor(tables.meta) as cursor:
        # The number after the last: all numbers lie below this key, and something, the version, always lies above.
        cursor.set_range(META_STORE_BY_NUMBER + NO_STORE)
        last = cursor.key() if cursor.prev() else b""
    used = last.startswith(META_STORE_BY_NUMBER)
    number = int.from_bytes(last.removeprefix(META_STORE_BY_NUMBER), "big") + 1 if used else 1
    by_id = META_STORE_BY_ID + name(store_id)
    txn.put(by_id, seal("meta", by_id, [number, store_id]), db=tables.meta)
    raw = number.to_bytes(4, "big")
    _put_header(txn, tables, raw, (store_id, "", False))
    return raw


def _header(txn: Transaction, tables: Tables, number: bytes) -> tuple[str, str, bool]:
    key = META_STORE_BY_NUMBER + number
    store_id, location, complete = unseal("meta", key, txn.get(key, b"", tables.meta))
    return store_id, os.fsdecode(location), complete


def _put_header(txn: Transaction, tables: Tables, number: bytes, header: tuple[str, str, bool]) -> None:
    key = META_STORE_BY_NUMBER + number
    store_id, location, complete = header
    # The location as bytes: a folder's name need not be text.
    txn.put(key, seal("meta", key, [store_id, os.fsencode(location), complete]), db=tables.meta)


def _relative(index_path: str, location: str) -> str:
    if _IS_URL.match(location):
        return _USER_INFO.sub(r"\1", location)
    folder = os.path.dirname(index_path)  # noqa: PTH120 - paths are plain strings in this layer
    path = os.path.realpath(location)
    inside = path.startswith(folder.rstrip("/") + "/")
    return os.path.relpath(path, folder) if inside else path


def _absolute(index_path: str, kept: str) -> str:
    if not kept or _IS_URL.match(kept):
        return kept
    return os.path.normpath(os.path.join(os.path.dirname(index_path), kept))  # noqa: PTH118, PTH120 - as above
