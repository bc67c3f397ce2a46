"""`Bound`: one store's tables in one environment, as the functions of this package read and write them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypeVar

from consist.index import stores
from consist.index.view import View

if TYPE_CHECKING:
    from collections.abc import Callable

    from consist.index.environment import Environment, Tables, Transaction

T = TypeVar("T")


class Bound(NamedTuple):
    """An environment and the id of a store; the store gets its number when something is first written for it."""

    environment: Environment
    store_id: str

    def has_hint(self, table: str, key: bytes) -> bool:
        """Tell whether there is a key, as far as this process can tell without a look at the file system."""
        return self.environment.fetch(table, self.store_id, key, hint=True) is not None

    def read(self, call: Callable[[View], T]) -> T:
        """Call with a view of one snapshot; `call` may be called again."""
        return self.environment.read(
            lambda txn, tables: call(View(txn, tables, self._prefix(txn, tables, allot=False)))
        )

    def write(self, call: Callable[[View], T]) -> T:
        """Call with a view that can write, and commit; `call` may be called again."""
        return self.environment.write(
            lambda txn, tables: call(View(txn, tables, self._prefix(txn, tables, allot=True)))
        )

    def _prefix(self, txn: Transaction, tables: Tables, *, allot: bool) -> bytes:
        """Return the number of the store, which `fetch` has found before it, as a rule: it never changes in a file."""
        known = self.environment.known_prefix(self.store_id)
        return known if known is not None else stores.prefix(txn, tables, self.store_id, allot=allot)
