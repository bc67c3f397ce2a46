"""`ConsistPath`: what ``UPath("consist://…")`` gives. Imported by universal_pathlib when it finds the entry point."""

from __future__ import annotations

from fsspec import register_implementation
from upath import UPath

from consist.fs.filesystem import ConsistFileSystem

# universal_pathlib takes the rules of paths from classes that fsspec has loaded; by itself fsspec loads one at its
# first use, which is later, and a warning would say that the rules are a guess.
register_implementation("consist", ConsistFileSystem, clobber=True)


class ConsistPath(UPath):
    """A path in a store, used like those of `pathlib`; what would write raises `ReadOnlyError`."""

    __slots__ = ()
