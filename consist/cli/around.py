"""What `consist exec` does around a command, shown: never while the command itself runs, whose terminal it is then."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Self

from consist.cli import interrupting
from consist.cli.opening import heed_interrupts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from consist.store.places import Located

_LOOKING, _RESTORING, _STORING = "looking up", "restoring", "storing"


class Around:
    """Shows how far the look-up has come, or restoring; then, once the command has ended, storing.

    Ctrl-C is heeded while a remote store is waited for, and left to the command while that runs, which may take its
    time to end in order (``runs/process.py``).

    Parameters
    ----------
    name : str
        What is run.
    place : Located
        The store.
    """

    def __init__(self, name: str, place: Located) -> None:
        self._name = name
        self._place = place
        self._doing = ""
        self._shown = contextlib.ExitStack()
        self._seen: Callable[[int], object] = int
        self.has_run = False
        """Whether the command has been run to an end of its own, a good one."""

    def __enter__(self) -> Self:
        heed_interrupts(self._place)
        self._begin(_LOOKING)
        return self

    def __exit__(self, *_: object) -> None:
        self.quiet()

    def read(self, count: int) -> None:
        """Take note of bytes of files that were read to be looked up; afterwards they are read to be compared."""
        if self._doing == _LOOKING:
            self._seen(count)

    def moved(self, count: int) -> None:
        """Take note of bytes of outputs that were restored or stored."""
        if self._doing == _LOOKING:  # and found
            self._begin(_RESTORING)
        self._seen(count)

    @contextlib.contextmanager
    def command(self) -> Iterator[None]:
        """Be quiet, and leave Ctrl-C alone, while the command runs."""
        self.quiet()
        interrupting.rest()
        try:
            yield
            self.has_run = True
        finally:
            heed_interrupts(self._place)
            self._begin(_STORING)

    def quiet(self) -> None:
        """Show nothing from now on."""
        self._shown.close()

    def _begin(self, doing: str) -> None:
        from consist.cli.progress import BYTES, HASHED, progress

        self.quiet()
        self._doing = doing
        unit = HASHED if doing == _LOOKING else BYTES
        self._seen = self._shown.enter_context(progress(f"{doing} {self._name}", unit=unit))
