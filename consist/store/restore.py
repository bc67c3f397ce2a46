"""Restoring content outside the store: whole or not at all, and over nothing that is there unless told.

A folder is restored by ``blobs/treeget.py``; this is for files, and chooses names.
"""

# Paths are plain strings throughout: they come from a command line, and go to the system as they are.
# ruff: noqa: PTH112, PTH118

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

from consist.blobs.newfile import check_place, taken, write_file
from consist.blobs.treeget import restore_tree
from consist.errors import RefusedError
from consist.identity.names import is_name
from consist.store.names import Found, copy_found

if TYPE_CHECKING:
    from collections.abc import Callable

    from consist.store.store import Store


_LONGEST = 255
"""Bytes of a name that every filesystem in use takes."""


def target_of(found: Found, target: str) -> str:
    """Return the file or folder that content goes to.

    Parameters
    ----------
    found : Found
        The content, with the name that its maker gave it. The name is not trusted: one that is more than a name,
        such as ``..`` or what holds a slash, is not used, nor one that is too long for a file. Then it is its key, or
        its digest.
    target : str
        A folder that is there, which it goes into; or the file or folder itself.
    """
    if not target.endswith("/") and not os.path.isdir(target):
        return target
    names = (found.name, found.record.key if found.record is not None else "", found.digest.hex)
    name = next(name for name in names if is_name(name) and len(os.fsencode(name)) <= _LONGEST)
    return name if target == "." else os.path.join(target, name)


def restore(
    store: Store, found: Found, target: str, *, force: bool = False, seen: Callable[[int], object] = int
) -> None:
    """Write content to a file or a folder, checked before that appears.

    Parameters
    ----------
    store : Store
        Where the content is.
    found : Found
        The content.
    target : str
        The file or folder; the folder that it lies in must exist.
    force : bool
        Replace the regular file that is there. A link is replaced, not followed, unless it leads to something else
        than a regular file. A folder, a FIFO, a socket or a device is never replaced by a file; a folder is replaced
        by a folder, as `restore_tree` says.
    seen : callable
        Told the bytes of each piece that was written, to show how far it has come.

    Raises
    ------
    RefusedError
        If something is there, and `force` is False; or if it is never replaced.
    UsageError
        If nothing can be there: the folder does not exist, or is none; the name is too long.
    StorageError
        If it cannot be written.
    NotFoundError, DamagedError
        If the content is not there, or not what it should be; nothing was written.
    """
    if found.is_folder and found.tree is not None:
        restore_tree(store.blobs, found.tree, target, within=found.inner, force=force, seen=seen)
        return
    check_target(target, force=force)
    write_file(
        target,
        lambda file: copy_found(store, found, file, seen),
        durable=False,
        executable=found.executable,
        replace=force,
    )


def check_target(target: str, *, force: bool) -> None:
    """Refuse what must not be replaced by a file, before anything is written.

    Raises
    ------
    RefusedError
        If a folder, a FIFO, a socket or a device is there; or, without `force`, anything.
    UsageError
        If nothing can be there.
    """
    if not os.path.lexists(check_place(target)):
        return
    try:
        mode = os.stat(target).st_mode  # noqa: PTH116 - plain strings here
    except OSError:  # a link that leads nowhere
        mode = stat.S_IFREG
    if not stat.S_ISREG(mode):
        what = "a folder" if stat.S_ISDIR(mode) else "a device, a FIFO or a socket"
        raise RefusedError(f"{target} is {what}, which is never replaced", hint="choose another name")
    if not force:
        raise taken(target)
