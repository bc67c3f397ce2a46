"""Numbers of bytes, as people say them."""

from __future__ import annotations

_UNITS = ("KiB", "MiB", "GiB", "TiB")


def human_size(size: int) -> str:
    """Say a number of bytes as people do.

    Examples
    --------
    >>> human_size(1), human_size(15_500), human_size(3 << 30)
    ('1 B', '15.1 KiB', '3.0 GiB')
    """
    power = min((size.bit_length() - 1) // 10, len(_UNITS)) if size else 0
    return f"{size / (1 << 10 * power):.1f} {_UNITS[power - 1]}" if power else f"{size} B"
