"""Where the program begins: Ctrl-C ends it quietly, whatever it is doing, from its first import on.

Importing the program takes most of the time of a quick verb. Whoever presses Ctrl-C then must see what they see later:
nothing, and exit code 130. So the import is within the same ``try`` as the work, and this module imports nothing else
that takes time.

Of the 175 ms that a quick verb took, 33 went into looking for garbage where there is none: 12 while its modules were
imported, 21 at the end, when all that is left goes with the process.
"""

from __future__ import annotations

import gc
import sys

TYPE_CHECKING = False  # as in consist/__init__.py: typing takes 10 ms

if TYPE_CHECKING:
    from typing import NoReturn

_SELDOM = 100_000
"""Objects made and not let go of, after which Python looks for garbage; a quick verb makes 33,000."""

_INTERRUPTED = 130
"""As in ``codes.py``, which may be what the interrupt kept from being imported."""


def main() -> NoReturn:
    """Run the program with the arguments of the process, and end the process."""
    try:
        gc.set_threshold(_SELDOM)
        from consist.cli.app import run

        code = run(sys.argv[1:])
    except KeyboardInterrupt:
        code = _INTERRUPTED
    gc.freeze()
    _let_go()
    sys.exit(code)


def _let_go() -> None:
    """Let one more Ctrl-C end the process as the system does, now that all is done: Python would print where it was."""
    import signal

    signal.signal(signal.SIGINT, signal.SIG_DFL)
