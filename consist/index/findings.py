"""What was found out about servers, such as whether they create exclusively: tried once, and remembered here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from consist.errors import DamagedError
from consist.index.schema import META_FINDING, name, seal, unseal

if TYPE_CHECKING:
    from consist.index.environment import Environment


class Findings:
    """A mapping of text to text that is kept in the index. Of no store: they are known before a store is.

    Parameters
    ----------
    environment : Environment
        The index's file.
    """

    __slots__ = ("_environment",)

    def __init__(self, environment: Environment) -> None:
        self._environment = environment

    def get(self, key: str, /) -> str | None:
        """Return what was kept, or None; what is damaged is found out again."""
        raw = META_FINDING + name(key)
        data = self._environment.fetch("meta", None, raw)
        try:
            return None if data is None else str(unseal("meta", raw, data)[1])
        except DamagedError:
            return None

    def __setitem__(self, key: str, value: str, /) -> None:
        """Keep it."""
        raw = META_FINDING + name(key)
        self._environment.write(lambda txn, tables: txn.put(raw, seal("meta", raw, [key, value]), db=tables.meta))
