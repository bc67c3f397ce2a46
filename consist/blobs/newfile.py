"""A file that appears whole: written beside its place, checked by whoever writes it, renamed over what was there.

The place is the user's, and what is wrong with it is said of it: it is looked at before anything is written, and no
error sends anybody to the store for it.
"""

# Paths are plain strings in this layer: pathlib costs more than some of the calls.
# ruff: noqa: PTH112, PTH118, PTH120

from __future__ import annotations

import contextlib
import errno
import os
from typing import TYPE_CHECKING

from consist.arguments import PATH, shown
from consist.blobs import posix
from consist.errors import FolderError, StorageError, StorageFullError, UnreachableError, UsageError
from consist.fileops import perform, storage_error

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


def write_file(
    path: str | os.PathLike[str], fill: Callable[[posix.Growing], object], *, durable: bool, executable: bool
) -> None:
    """Write a file; if `fill` raises, what was there is as it was.

    Parameters
    ----------
    path : str or path
        The file; its folder must exist. A link is replaced, not followed.
    fill : callable
        Is given the file to write, and returns when all that is in it was right.
    durable : bool
        Sync file and folder before returning.
    executable : bool
        Whether whoever may read the file may execute it; the umask takes its share.

    Raises
    ------
    UsageError
        If it can be no file's path: there is no such folder, a folder is there, its name is too long.
    StorageError
        If it cannot be written.
    """
    target = check_place(path)
    if os.path.isdir(target) and not os.path.islink(target):  # noqa: PTH114 - as throughout
        raise FolderError(f"cannot write {target}: it is a folder", hint="name a file in it")
    with new_file(target, executable=executable) as temp:
        fill(temp)
        temp.seal(mode=None, durable=durable)
        perform("rename", target, os.replace, temp.path, target)
        temp.published = True
    if durable:
        posix.sync_folder(os.path.dirname(target) or ".")


@contextlib.contextmanager
def new_file(target: str, *, executable: bool) -> Iterator[posix.TempFile]:
    """Give a file to write beside a place, hidden, to be published there by the caller.

    Parameters
    ----------
    target : str
        The place, as `check_place` returned it.
    executable : bool
        As of `write_file`.

    Raises
    ------
    UsageError
        If there is no folder for it.
    StorageError
        Of what cannot be written, said of the target; others pass as they are.
    """
    folder = os.path.dirname(target) or "."
    path = os.path.join(folder, f".consist-{os.urandom(8).hex()}.tmp")
    with said_of(target, path):
        try:
            temp = posix.TempFile(path, 0o777 if executable else 0o666)
        except FileNotFoundError:
            raise no_folder(target, folder) from None
        with temp:
            yield temp


def check_place(path: object) -> str:
    """Return the path of what is about to be made, as text, if something can be there.

    Raises
    ------
    UsageError
        If it is none: empty, not text, not what the system can encode, in a file, too long.
    """
    target = os.fspath(path) if isinstance(path, os.PathLike) else path
    if not isinstance(target, str) or not target:
        raise UsageError(f"path is {shown(target)}", hint=PATH.hint)
    if "\0" in target:
        raise UsageError(f"cannot write {target!r:.200}: no name has a NUL in it", hint="choose another name")
    try:
        os.lstat(target)
    except FileNotFoundError:
        pass
    except NotADirectoryError:
        bare = target.rstrip("/")
        raise no_folder(target, bare if os.path.lexists(bare) else os.path.dirname(bare) or ".") from None
    except UnicodeEncodeError:
        raise UsageError(
            f"cannot write {target!a:.200}: no name can be written so", hint="choose another name"
        ) from None
    except OSError as error:
        if error.errno != errno.ENAMETOOLONG:
            raise storage_error("look at", target, error) from error
        raise UsageError(f"cannot write {target:.80}…: its name is too long", hint="choose a shorter one") from None
    return target


def no_folder(target: str, folder: str) -> UsageError:
    """Return the error for a folder in which nothing can be made."""
    if os.path.isdir(folder):  # as /proc is
        return UsageError(f"cannot write {target}: nothing can be made in {folder}", hint="choose another folder")
    if os.path.lexists(folder):
        return UsageError(f"cannot write {target}: {folder} is no folder", hint="choose another name")
    return UsageError(f"cannot write {target}: there is no folder {folder}", hint="make it first")


@contextlib.contextmanager
def said_of(target: str, temp: str) -> Iterator[None]:
    """Say of errors that are about a target, or about what is on its way to it, what to do about that target.

    Those of the store, which is read meanwhile, pass as they are.

    Raises
    ------
    StorageError
        Of the same class, in other words.
    """
    try:
        yield
    except StorageError as error:
        met, path = error.__cause__, error.filename
        is_ours = isinstance(path, str) and (path in {target, temp} or path.startswith(f"{temp}/"))
        if not is_ours or not isinstance(met, OSError):
            raise
        raise type(error)(f"cannot write {target}: {met.strerror}", hint=_hint(error, met)) from met


def _hint(error: StorageError, met: OSError) -> str:
    if met.errno == errno.EFBIG:
        return "a limit says how large a file may be, `ulimit -f` or its filesystem's: choose another target"
    if isinstance(error, StorageFullError):
        return "free some space there, or choose another target"
    if isinstance(error, UnreachableError):
        return "check the disk or the network there, or choose another target"
    return error.hint or "check the disk there, or choose another target"
