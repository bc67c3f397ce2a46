"""`ConsistPath`: what ``UPath("consist://…")`` gives. Imported by universal_pathlib when it finds the entry point."""

from __future__ import annotations

from upath import UPath


class ConsistPath(UPath):
    """A path in a store; reading methods work, writing ones raise `ReadOnlyError`.

    Examples
    --------
    >>> path = ConsistPath("consist://steps") / "clean" / "table"
    >>> path.name, path.parent.name, str(path)
    ('table', 'clean', 'consist://steps/clean/table')
    """

    __slots__ = ()
