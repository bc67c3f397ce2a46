"""What the project added to the classes of tables: accessors, and methods that it set on them, by the name of each.

Code comes by them on a table that it is given, so nothing in it leads there but the name of an attribute. A name that
any code loads, and that the project has put into one of these classes, counts, whatever the code takes it from.
"""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING, Any

from consist.identity.code.distributions import module_named
from consist.identity.code.instances import HEAP_TYPE, dict_of
from consist.identity.code.intruders import parts_of_project
from consist.identity.code.owners import is_a, label_of
from consist.identity.code.references import Binding, loaded

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from consist.identity.code.watch import Watch

_EXTENSIBLE = {"pandas": ("DataFrame", "Series", "Index"), "polars": ("DataFrame", "LazyFrame", "Series", "Expr")}
"""By module: the classes for which it has functions that register accessors."""
_MET_BY_THE_WAY = {
    "pandas.api.typing": ("DataFrameGroupBy", "SeriesGroupBy", "Resampler", "Rolling", "Expanding"),
    "xarray": ("Dataset", "DataArray"),
    "geopandas": ("GeoDataFrame", "GeoSeries"),
    "dask.dataframe": ("DataFrame", "Series"),
}
"""By module: classes of which only what is there at the first call is watched, which costs a hit nothing."""
_VALUES = frozenset({type(None), bool, int, float, complex, str, bytes, tuple, list, dict, set, frozenset})


def classes(table: dict[str, tuple[str, ...]] = _EXTENSIBLE) -> list[tuple[str, type]]:
    """List the classes of a table that there are in this process, each with its label; nothing is imported."""
    modules = ((name, module_named(name)) for name in table)
    spaces = [(name, vars(module)) for name, module in modules if module is not None]
    found: Iterator[tuple[str, Any]]
    found = ((f"{name}.{each}", space.get(each)) for name, space in spaces for each in table[name])
    return [(label, cls) for label, cls in found if is_a(cls, type)]


def additions(names: Iterable[str]) -> Iterator[tuple[str, Any]]:
    """List what the project has under some names in these classes and their bases, with labels."""
    for label, cls in (*classes(), *_others()):
        for name in sorted(vars(cls).keys() & set(names)):
            for part in _added(cls, name, vars(cls)[name]):
                yield f"{label}.{name}", part


def _others() -> list[tuple[str, type]]:
    """List what these classes are derived from, such as pandas' ``NDFrame``, and those that are met by the way."""
    listed = [cls for _, cls in classes()]
    met = [cls for _, cls in classes(_MET_BY_THE_WAY)]
    bases = {id(base): base for cls in (*listed, *met) for base in cls.__mro__ if base.__flags__ & HEAP_TYPE}
    return [(label_of(base), base) for base in bases.values() if not any(base is cls for cls in listed)]


def _added(cls: type, name: str, item: Any) -> list[Any]:
    """List what the project put into a class; of a table's also values without an underscore, as it has none itself."""
    is_value = type(item) in _VALUES and not name.startswith("_") and _is_of_table(cls)
    return [item] if is_value else parts_of_project(cls, item)


def _is_of_table(cls: type) -> bool:
    return any(cls is base for _, table in classes() for base in table.__mro__)


def watch(guards: Watch, names: Iterable[str]) -> None:
    """Watch what these classes have under some names, and that nothing is added to them.

    To look for each name in each class would take ten times as long; a new one makes the class longer. Of bases only
    what the project has there is watched: the size of each would make a hit of little code dearer by a tenth.
    """
    guards.names(map(loaded, _EXTENSIBLE))
    for _, cls in classes():
        # The dict itself: to look into it by the class's proxy would take three times as long.
        (space,) = gc.get_referents(vars(cls))
        guards.size(cls, space)
        _watch_names(guards, cls, space, sorted(space.keys() & set(names)))
    for _, base in _others():
        (space,) = gc.get_referents(vars(base))
        there = sorted(space.keys() & set(names))
        _watch_names(guards, base, space, [name for name in there if _added(base, name, space[name])])


def _watch_names(guards: Watch, cls: type, space: dict[str, Any], names: list[str]) -> None:
    guards.names([Binding(space, name, space[name]) for name in names])
    for name in names:
        if dict_of(space[name]) and parts_of_project(cls, space[name]):
            guards.namespace(dict_of(space[name]))  # the object that makes an accessor holds its class
