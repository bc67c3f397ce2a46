"""Numbers of bytes and durations, as people say them."""

from __future__ import annotations

_UNITS = ("KiB", "MiB", "GiB", "TiB")
_PARTS = ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs"))
_WHOLE = 100
"""From here on three digits that count are a whole number."""


def human_size(size: int) -> str:
    """Say a number of bytes as people do.

    Examples
    --------
    >>> human_size(1), human_size(15_500), human_size(3 << 30)
    ('1 B', '15.1 KiB', '3.0 GiB')
    """
    power = min((size.bit_length() - 1) // 10, len(_UNITS)) if size else 0
    return f"{size / (1 << 10 * power):.1f} {_UNITS[power - 1]}" if power else f"{size} B"


def human_seconds(value: float) -> str:
    """Say a duration in seconds as people do: with three digits that count, in the unit that needs no zeros.

    Examples
    --------
    >>> human_seconds(86400), human_seconds(4.5678), human_seconds(0.0123), human_seconds(0.000027), human_seconds(0)
    ('86400 s', '4.57 s', '12.3 ms', '27 µs', '0 s')
    """
    if value == 0:
        return "0 s"
    size, unit = next((part for part in _PARTS if abs(value) >= part[0]), _PARTS[-1])
    count = value / size
    return f"{count:.3g} {unit}" if abs(count) < _WHOLE else f"{count:.0f} {unit}"
