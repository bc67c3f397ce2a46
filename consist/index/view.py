"""`View`: one store's tables within one transaction. Knows the store's number; knows nothing of what is in them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from consist.index.schema import after, seal, unseal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from consist.index.schema import Tables, Transaction


class View(NamedTuple):
    """A transaction, the tables, and the number that this store's keys begin with.

    Tables are named by the fields of `Tables`; keys are given and returned without the number. Do not keep it: it
    ends with the transaction.
    """

    txn: Transaction
    tables: Tables
    prefix: bytes

    def get(self, table: str, key: bytes) -> bytes | None:
        """Return the bytes under a key, or None."""
        return self.txn.get(self.prefix + key, None, getattr(self.tables, table))

    def has(self, table: str, key: bytes) -> bool:
        """Tell whether there is a key."""
        return self.get(table, key) is not None

    def put(self, table: str, key: bytes, data: bytes = b"") -> None:
        """Put bytes under a key, over what was there."""
        self.txn.put(self.prefix + key, data, db=getattr(self.tables, table))

    def put_new(self, table: str, key: bytes, data: bytes = b"") -> bool:
        """Put bytes under a key if it is not there; tell whether it was not: one look, not one and another."""
        return self.txn.put(self.prefix + key, data, overwrite=False, db=getattr(self.tables, table))

    def delete(self, table: str, key: bytes) -> bool:
        """Delete a key; tell whether it was there."""
        return self.txn.delete(self.prefix + key, db=getattr(self.tables, table))

    def get_sealed(self, table: str, key: bytes) -> Any:
        """Return the checked value under a key, or None.

        Raises
        ------
        DamagedError
            If it does not match its check.
        """
        data = self.get(table, key)
        return None if data is None else unseal(table, self.prefix + key, data)

    def put_sealed(self, table: str, key: bytes, value: Any) -> bytes:
        """Put plain data under a key, with its check; return the bytes."""
        key = self.prefix + key
        data = seal(table, key, value)
        self.txn.put(key, data, db=getattr(self.tables, table))
        return data

    def put_new_sealed(self, table: str, key: bytes, value: Any) -> bool:
        """Put plain data under a key, with its check, if it is not there; tell whether it was not."""
        key = self.prefix + key
        return self.txn.put(key, seal(table, key, value), overwrite=False, db=getattr(self.tables, table))

    def unseal(self, table: str, key: bytes, data: bytes) -> Any:
        """Check and decode a value that `scan` gave."""
        return unseal(table, self.prefix + key, data)

    def scan(self, table: str, start: bytes = b"", *, begin: bytes | None = None) -> Iterator[tuple[bytes, bytes]]:
        """Yield (key, bytes) of the keys that begin with `start`, in order, from the key `begin` (excluded) on."""
        low = self.prefix + start
        with self.txn.cursor(getattr(self.tables, table)) as cursor:
            if not cursor.set_range(self.prefix + begin + b"\x00" if begin is not None else low):
                return
            for key, data in cursor.iternext():
                if not key.startswith(low):
                    return
                yield key[len(self.prefix) :], data

    def scan_back(
        self, table: str, start: bytes = b"", *, before: bytes | None = None
    ) -> Iterator[tuple[bytes, bytes]]:
        """Yield (key, bytes) of the keys that begin with `start`, the last first, from below the key `before` on."""
        low = self.prefix + start
        high = self.prefix + before if before is not None else after(low)
        with self.txn.cursor(getattr(self.tables, table)) as cursor:
            # On the first key that is too far, then one back; with none too far, on the last of the table.
            found = cursor.prev() if high is not None and cursor.set_range(high) else cursor.last()
            if not found:
                return
            for key, data in cursor.iterprev():
                if not key.startswith(low):
                    return
                yield key[len(self.prefix) :], data
