"""Paths in a config: only their text counts there, so that a file which is edited gives the earlier result.

A path that leads to a file or folder and stands in no input is nearly always a slip. Who means the name gives text.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from consist.errors import IdentityWarning, warn

if TYPE_CHECKING:
    from collections.abc import Iterator

    from consist.runs.request import Identified, Request

_warned: set[tuple[str, str]] = set()


def warn_of_paths(identified: Identified) -> None:
    """Warn of paths in a config that lead to something whose content does not count, each once a process and step.

    Parameters
    ----------
    identified : Identified
        A call whose config has paths.
    """
    step = identified.request.step
    for where, path in _paths_in(identified.config.values, "config"):
        is_there = os.path.exists(path)  # noqa: PTH110 - of a path that no system can have, too
        if not is_there or (step, where) in _warned or _is_known(path, identified):
            continue
        _warned.add((step, where))
        kind = "folder" if path.is_dir() else "file"
        warn(
            f"{where} of step {step!r} is the path of a {kind} that is there, and in a config only the name counts:"
            f" once the {kind} is edited, the earlier result is found (give it in inputs={{…}}, by its content; or as"
            " str(path), if the name itself is meant)",
            IdentityWarning,
        )


def _paths_in(value: Any, where: str) -> Iterator[tuple[str, Path]]:
    """Yield the paths in a value, each with where it sits."""
    if isinstance(value, Path):
        yield where, value
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _paths_in(inner, f"{where}[{key!r:.60}]")
    elif isinstance(value, (list, tuple)):
        for place, inner in enumerate(value):
            yield from _paths_in(inner, f"{where}[{place}]")
    elif dataclasses.is_dataclass(value) and not isinstance(value, type):
        for field in dataclasses.fields(value):
            yield from _paths_in(getattr(value, field.name), f"{where}.{field.name}")
    else:
        for name in getattr(type(value), "__pydantic_fields__", ()):
            yield from _paths_in(getattr(value, name), f"{where}.{name}")


def _is_known(path: Path, identified: Identified) -> bool:
    """Tell whether what a path leads to counts all the same, as an input or as code, or is where outputs go."""
    place = _absolute(path)
    return any(_is_below(place, other) for other in map(_absolute, _counted(identified))) or any(
        _is_below(place, other) or _is_below(other, place) for other in map(_absolute, _written(identified.request))
    )


def _counted(identified: Identified) -> Iterator[str | os.PathLike[str]]:
    code = identified.request.code
    yield from (item.source for item in identified.inputs if isinstance(item.source, Path))
    yield from code.depends_on
    yield from (each for each in code.code if isinstance(each, Path))


def _written(request: Request) -> Iterator[str | os.PathLike[str]]:
    yield from (path for _, path in request.declared.paths)
    if request.execution.capture_dir is not None:
        yield request.execution.capture_dir


def _absolute(path: str | os.PathLike[str]) -> str:
    return os.path.abspath(path)  # noqa: PTH100 - links are kept


def _is_below(place: str, other: str) -> bool:
    return place == other or place.startswith(os.path.join(other, ""))  # noqa: PTH118 - text
