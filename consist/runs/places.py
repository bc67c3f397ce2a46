"""Where declared files and folders are to lie: what can be known of a place before anything is run or written."""

# Paths are plain strings throughout: they come from records and callers, and go to the system as they are.
# ruff: noqa: PTH100, PTH112, PTH114, PTH116, PTH120

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

from consist.errors import OutputError, RefusedError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from consist.runs.request import Request


def check_places(request: Request) -> None:
    """Refuse places of outputs where nothing can be written, since a file is in the way.

    Raises
    ------
    OutputError
        The message names the output and the file.
    """
    for key, path in request.declared.paths:
        folder = os.path.dirname(path)
        if folder and (above := what_is_no_folder(os.path.abspath(folder))) is not None:
            raise OutputError(
                f"output {key!r}: {path} would lie below {above}, which is no folder",
                hint="name another place in output_paths",
            )
    captured = request.execution.capture_dir
    if captured is not None and (above := what_is_no_folder(os.path.abspath(captured))) is not None:
        raise OutputError(f"capture_dir {captured} cannot be a folder: {above} is none", hint="name another one")


def what_is_no_folder(folder: str) -> str | None:
    """Return what keeps a folder from being made: itself or what lies above it, if that is there and no folder."""
    while not os.path.isdir(folder):
        if os.path.lexists(folder):
            return folder
        folder = os.path.dirname(folder)
    return None


def is_in(place: str, folder: str) -> bool:
    """Tell whether a path is that of a folder or lies below it; both absolute, links resolved."""
    return place == folder or place.startswith(folder.rstrip(os.sep) + os.sep)


def common_places(some: Iterable[str], others: Iterable[str]) -> set[str]:
    """Return those paths of some that are one of the others, lie below one, or have one below them."""
    return {one for one in some if any(is_in(one, other) or is_in(other, one) for other in others)}


def written_through(key: str, path: str) -> str:
    """Return the path that writing to a path writes to: a link stays, and what it leads to is written.

    Raises
    ------
    RefusedError
        If a link leads in a circle, or to a file that nobody may write: a store's own are such.
    """
    place = os.path.realpath(path)
    if not os.path.islink(path) or not os.path.lexists(place):
        return place
    hint = "remove the link, or name another place"
    if os.path.islink(place):
        raise RefusedError(f"output {key!r}: {path} is a link that leads in a circle", hint=hint)
    if not os.stat(place).st_mode & (stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH):
        raise RefusedError(f"output {key!r}: {path} leads to {place}, which nobody may write", hint=hint)
    return place
