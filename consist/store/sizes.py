"""Numbers of bytes as people write them: ``10GiB``. How they are shown is ``runs/sizes.py``'s."""

from __future__ import annotations

import re

from consist.errors import UsageError

HINT = "write a number and a unit, such as 500, 10MB or 1.5GiB"

_SIZE = re.compile(r"([0-9]{1,18}(?:\.[0-9]{1,18})?)\s*(?:([kmgtKMGT])(i?))?(B?|bytes)\Z")
_POWERS = {"k": 1, "m": 2, "g": 3, "t": 4}


def parse_size(text: str) -> int:
    """Read a number of bytes, with or without a unit: those of ten (kB, MB) or of two (KiB, MiB, or only the letter).

    Raises
    ------
    UsageError
        If it is none.

    Examples
    --------
    >>> parse_size("100"), parse_size("1kB"), parse_size("1KiB"), parse_size("1K")
    (100, 1000, 1024, 1024)
    """
    found = _SIZE.match(text)
    if found is None:
        raise UsageError(f"{text!r:.40} is no size", hint=HINT)
    number, letter, binary, end = found.groups()
    base = 1000 if end and not binary else 1024
    unit = base ** _POWERS[letter.lower()] if letter else 1
    return int(float(number) * unit) if "." in number else int(number) * unit
