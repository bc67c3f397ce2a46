"""Which values cannot change and are wholly encoded by `consist.hashing.canonical`."""

from __future__ import annotations

import re
import sys

_atoms: set[type] = {type(None), type(...), bool, int, float, complex, str, bytes, range, re.Pattern}
_ATOMS_BY_NAME = {
    "datetime": "datetime date time timedelta timezone",
    "decimal": "Decimal",
    "fractions": "Fraction",
    "uuid": "UUID",
    "zoneinfo": "ZoneInfo",
    "pathlib": "PurePosixPath PosixPath PureWindowsPath WindowsPath",
    "pathlib._local": "PurePosixPath PosixPath PureWindowsPath WindowsPath",
}
"""By module, so that none of them is imported before somebody uses one."""


def is_atom(cls: type) -> bool:
    """Tell whether values of a type cannot change and are encoded wholly by `canonical`."""
    if cls in _atoms:
        return True
    names = _ATOMS_BY_NAME.get(cls.__module__)
    if names is None or cls.__name__ not in names.split():
        return False
    # The name proves nothing: the type must be what its module has under it.
    genuine = getattr(sys.modules.get(cls.__module__), cls.__name__, None) is cls
    if genuine:
        _atoms.add(cls)
    return genuine
