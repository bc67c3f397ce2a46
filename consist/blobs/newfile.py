"""A file that appears whole: written beside its place, checked by whoever writes it, then published there.

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
from consist.errors import FolderError, RefusedError, StorageError, StorageFullError, UnreachableError, UsageError
from consist.fileops import perform, storage_error

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


def write_file(
    path: str | os.PathLike[str],
    fill: Callable[[posix.Growing], object],
    *,
    durable: bool,
    executable: bool,
    replace: bool = True,
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
    replace : bool
        Replace what is there by then.

    Raises
    ------
    UsageError
        If it can be no file's path: there is no such folder, a folder is there, its name is too long.
    RefusedError
        If something is there by then, and `replace` is False.
    StorageError
        If it cannot be written.
    """
    target = check_place(path)
    if os.path.isdir(target) and not os.path.islink(target):  # noqa: PTH114 - as throughout
        raise FolderError(f"cannot write {target}: it is a folder", hint="name a file in it")
    folder = os.path.dirname(target) or "."
    hidden = os.path.join(folder, f".consist-{os.urandom(8).hex()}.tmp")
    with said_of(target, hidden):
        try:
            temp = posix.TempFile(hidden, 0o777 if executable else 0o666)
        except FileNotFoundError:
            raise no_folder(target, folder) from None
        with temp:
            fill(temp)
            temp.seal(mode=None, durable=durable)
            _publish(temp, target) if replace else _publish_if_free(temp, target)
    if durable:
        posix.sync_folder(folder)


def _publish(temp: posix.TempFile, target: str) -> None:
    perform("rename", target, os.replace, temp.path, target)
    temp.published = True


def _publish_if_free(temp: posix.TempFile, target: str) -> None:
    """Give the file its name unless that is taken meanwhile; the temporary name goes when the file is closed."""
    try:
        perform("link", target, os.link, temp.path, target)
    except FileExistsError:
        raise taken(target) from None
    except StorageError as error:
        if posix.errno_of(error) not in posix.NO_LINKS:
            raise
        _reserve(target)
        try:
            _publish(temp, target)
        except BaseException:
            _give_back(target)
            raise


def _reserve(target: str) -> None:
    """Let an empty file take the name, where there are no links: between a look and the rename, others could come.

    It is what is left of a process that is killed before the rename. Who writes over it by then, as over any file that
    is there, loses what he wrote.
    """
    try:
        os.close(perform("open", target, os.open, target, posix.NEW, 0o600))
    except FileExistsError:
        raise taken(target) from None


def _give_back(target: str) -> None:
    with contextlib.suppress(OSError):
        if os.lstat(target).st_size == 0:  # else somebody wrote to it
            posix.remove_quietly(target)


def taken(target: str) -> RefusedError:
    """Return the error for what is there and not to be replaced."""
    return RefusedError(f"{target} is there already", hint="choose another name, or replace it with --force")


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
