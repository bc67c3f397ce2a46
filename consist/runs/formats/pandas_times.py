"""Times of pandas by themselves: timestamps, spans, periods, and what stands for a missing one, as plain fields.

A part of the plain format: such a value may lie anywhere in another. Columns of them are in ``pandas_arrays.py``. To
take one apart pandas is not imported (where one is, it has been), and to put together what is none of them neither.
"""

from __future__ import annotations

import datetime as dt
import sys
from typing import Any

from consist.errors import OutputError
from consist.runs.formats.needs import needed

_TIMESTAMP, _TIMEDELTA, _PERIOD = "Timestamp", "Timedelta", "Period"
_MISSING = {"NaTType": "NaT", "NAType": "NA"}
"""By the names of their classes, of which each has one value."""
KINDS = frozenset({_TIMESTAMP, _TIMEDELTA, _PERIOD, *_MISSING})
"""The names of the classes of pandas whose values these are."""


def take(value: Any) -> list[Any] | None:
    """Take a time of pandas apart into plain data, or return None if it is none.

    Returns
    -------
    list or None
        The kind, then of a timestamp its count of units since 1970 (in UTC if it has a zone), the unit, the zone as
        `noted_zone` has it, and the fold of one without a zone; of a span its count and unit; of a period its ordinal
        and frequency.

    Raises
    ------
    OutputError
        If it would not come back as it is.

    Examples
    --------
    >>> import pandas as pd
    >>> take(pd.Timestamp("1970-01-02").as_unit("s")), give(*take(pd.Timestamp("1970-01-02").as_unit("s")))
    (['Timestamp', 86400, 's', None, 0], Timestamp('1970-01-02 00:00:00'))
    """
    kind, pandas = type(value).__name__, sys.modules.get("pandas")
    if kind in _MISSING:
        return [_MISSING[kind]] if value is getattr(pandas, _MISSING[kind], None) else None
    if kind not in KINDS or type(value) is not getattr(pandas, kind, None):
        return None
    if kind == _PERIOD:
        return _checked(value, [kind, value.ordinal, value.freqstr])
    count = int(value.asm8.astype("int64"))
    if kind == _TIMEDELTA:
        return [kind, count, value.unit]
    if value.tz is None:
        return [kind, count, value.unit, None, value.fold]
    return _checked(value, [kind, count, value.unit, noted_zone(value.tz), 0])


def give(kind: str, *fields: Any) -> Any:
    """Put together what `take` took apart.

    Raises
    ------
    OutputError
        If pandas is not installed here.
    ValueError
        If `take` never returned this.
    """
    pandas = needed("pandas", f"a {kind} of pandas", "pandas")
    if kind in _MISSING.values():
        return getattr(pandas, kind)
    if kind == _PERIOD:
        ordinal, frequency = fields
        return pandas.Period(ordinal=ordinal, freq=frequency)
    count, unit, *rest = fields
    import numpy as np

    if kind == _TIMEDELTA:
        return pandas.Timedelta(np.timedelta64(count, unit))
    if kind != _TIMESTAMP:
        raise ValueError(f"pandas has no {kind!r:.40}")
    zone, fold = rest
    moment = pandas.Timestamp(np.datetime64(count, unit))
    if zone is None:
        return moment.replace(fold=fold) if fold else moment
    return moment.tz_localize("UTC").tz_convert(zone_of(zone))


def noted_zone(zone: dt.tzinfo) -> Any:
    """Return a time zone as plain data: a time of day in it, for which there is a form, or a name of pytz."""
    name = getattr(zone, "zone", None)
    return ["pytz", name] if type(zone).__module__.startswith("pytz") and name else dt.time(tzinfo=zone)


def zone_of(note: Any) -> Any:
    """Return the time zone that `noted_zone` noted."""
    if not isinstance(note, list):
        return note.tzinfo
    import pytz

    return pytz.timezone(note[1])


def _checked(value: Any, fields: list[Any]) -> list[Any]:
    """Refuse what would come back as another one: a frequency without a name, a fold that the zone does not have."""
    try:
        back = give(*fields)
        same = back == value and all(
            str(getattr(back, name, "")) == str(getattr(value, name, "")) for name in ("unit", "fold", "freq", "tz")
        )
    except ValueError:
        same = False
    if not same:
        raise OutputError(f"the {fields[0]} {value!s:.60} would not come back as it is", hint="make it str(value)")
    return fields
