"""Names of steps, inputs, outputs and tags: path segments that are safe to print, to type and to restore.

They are checked once, here, as data; nobody decodes or cleans them later. What was written by whoever wrote a store is
checked by nobody: `escape` makes it harmless where it is printed.
"""

from __future__ import annotations

import unicodedata
from functools import lru_cache

from consist.arguments import an, shown
from consist.errors import UsageError

MAX_LENGTH = 200
"""Characters; with the longest UTF-8 form it still fits a file name's 255 bytes after escaping in most cases."""


def check_name(kind: str, name: object) -> str:
    """Return `name` if it can be a name, in Unicode's composed form (NFC).

    Parameters
    ----------
    kind : str
        What it names, for the message: ``step``, ``output``, ``input``, ``tag``.
    name : object
        The candidate.

    Raises
    ------
    UsageError
        If it is no string, is empty, ``.`` or ``..``, too long, or holds ``/``, a backslash or a control character.

    Examples
    --------
    >>> check_name("output", "squared")
    'squared'
    >>> check_name("output", "../x")
    Traceback (most recent call last):
    consist.errors.UsageError: '../x' cannot name an output: it holds '/' (choose another name)
    """
    reason = _objection(name)
    if reason is None and isinstance(name, str):
        return name if name.isascii() else unicodedata.normalize("NFC", name)
    if not isinstance(name, str):
        raise UsageError(f"{shown(name)} cannot name {an(kind)}: {reason}", hint="give text")
    raise UsageError(f"{name!r:.80} cannot name {an(kind)}: {reason}", hint="choose another name")


def as_text(path: str) -> str:
    r"""Return a path as text that can be recorded: bytes of a file name that are no UTF-8 become U+FFFD.

    Examples
    --------
    >>> ascii(as_text("caf\udce9.csv"))
    "'caf\\ufffd.csv'"
    """
    return path if path.isascii() else path.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def escape(text: str) -> str:
    r"""Write whatever is not printable as an escape sequence of Python: control characters, newlines, bidi marks.

    Examples
    --------
    >>> escape("red \x1b[31m")
    'red \\x1b[31m'
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


def is_name(name: object) -> bool:
    """Tell whether `name` can be a name."""
    return _objection(name) is None


def _objection(name: object) -> str | None:
    if not isinstance(name, str):
        return f"it is {type(name).__name__}, not str"
    if len(name) > MAX_LENGTH:
        return f"it is longer than {MAX_LENGTH} characters"
    return _objection_to(name)


@lru_cache(4096)  # on the way of every hit
def _objection_to(name: str) -> str | None:
    if not name or name in {".", ".."}:
        return "it is empty" if not name else "it means a folder"
    if "/" in name or "\\" in name:
        return "it holds '/'" if "/" in name else "it holds a backslash"
    if name.isprintable():
        return None
    return "it holds a control character or another one that cannot be printed"
