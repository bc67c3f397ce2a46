"""A folder on its way, with all that is in it: made under a hidden name beside its own, then published or removed.

The pendant of `posix.TempFile`. Everything is done relative to descriptors of folders that were opened or made here,
and no link is followed: one that somebody puts into the folder, or in the place of the folder around it, leads
nowhere. It does not know what is written; ``treeget.py`` checks that.

Killed before the end it leaves ``.consist-….tmp``, and the name as it was. Killed while it replaces a folder, it may
leave that one as ``.consist-….old``.
"""

# Paths are plain strings in this layer: pathlib costs more than some of the calls.
# ruff: noqa: PTH118

from __future__ import annotations

import contextlib
import errno
import os
import stat
from typing import TYPE_CHECKING, Self

from consist.blobs import posix
from consist.blobs.newfile import check_place, no_folder, said_of, taken
from consist.errors import RefusedError, StorageError, UnsupportedError, UsageError
from consist.fileops import perform, storage_error

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager
    from types import TracebackType

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_TAKEN = frozenset({errno.EEXIST, errno.ENOTEMPTY, errno.ENOTDIR})
"""What `rename` answers for a folder whose new name is a file's, a link's, or a folder's with something in it."""
_ATTEMPTS = 5


class NewFolder:
    """A folder on its way.

    A context manager: leaving it without `publish` removes what was made.

    Parameters
    ----------
    target : str
        The name that it gets; the folder around it must exist.
    replace : bool
        Replace a folder that is there, with all that is in it. What is no folder, a link to one included, is never
        replaced.

    Raises
    ------
    UsageError
        If `target` cannot be a folder's name, or there is no folder to make it in.
    RefusedError
        If something is there that is not to be replaced.
    StorageError
        If it cannot be made.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> around = pathlib.Path(tempfile.mkdtemp())
    >>> with NewFolder(str(around / "made")) as folder:
    ...     folder.file("a/b.txt", lambda file: file.write(b"content"), executable=False)
    ...     folder.publish()
    7
    >>> (around / "made" / "a" / "b.txt").read_text()
    'content'
    """

    def __init__(self, target: str, *, replace: bool = False) -> None:
        self._around, self._name = os.path.split(target.rstrip("/"))
        if self._name in {"", ".", ".."}:
            raise UsageError(f"{target!r} cannot be the name of a new folder", hint="name one that is not there yet")
        check_place(target.rstrip("/"))
        self._target = target
        self._replace = replace
        self._left: list[str] = []
        """Hidden names beside the target that are to be removed in the end."""
        self._open: list[tuple[str, int]] = []
        """Name and descriptor of each folder on the way to what was made last; the first is the new folder itself."""
        self._descriptor = self._open_around()
        try:
            self._check_free()
            self._temp = self._hidden("tmp")
            self._left.append(self._temp)
            with self.said():
                self._enter(self._temp, self._descriptor, os.path.join(self._around, self._temp))
        except BaseException:
            self.__exit__(None, None, None)
            raise

    # Filling -------------------------------------------------------------------------------------------------------

    def file(self, path: str, fill: Callable[[posix.Growing], object], *, executable: bool) -> int:
        """Write a file; paths must come in order, so that all that lies in one folder comes together.

        Parameters
        ----------
        path : str
            Relative, ``/``-separated, and checked: that of a tree.
        fill : callable
            Is given the file, and writes the content.
        executable : bool
            Whether it may be executed by whom the umask lets.

        Returns
        -------
        int
            How many bytes were written.

        Raises
        ------
        UnsupportedError
            If this file system takes its name for that of another one that was made before.
        StorageError
            If writing failed. What `fill` raises passes through.
        """
        around, name, shown = self._go_to(path)
        mode = 0o777 if executable else 0o666
        try:
            descriptor = perform("open", shown, os.open, name, posix.NEW, mode, dir_fd=around)
        except FileExistsError:
            raise _one_name(shown) from None
        except FileNotFoundError as error:  # somebody is removing it
            raise storage_error("open", shown, error) from error
        file = posix.Growing(descriptor, shown)
        try:
            fill(file)
        except BaseException:
            os.close(descriptor)
            raise
        _close(descriptor, shown)
        return file.size

    def folder(self, path: str) -> None:
        """Make an empty folder, in order with the files."""
        self._go_to(f"{path}/.")

    def _go_to(self, path: str) -> tuple[int, str, str]:
        """Make and open the folders on the way; return the last one's descriptor, what is left of the path, and all."""
        *parts, name = path.split("/")
        common = 0
        for part, (opened, _) in zip(parts, self._open[1:], strict=False):
            if part != opened:
                break
            common += 1
        self._go_back(common + 1)
        top = os.path.join(self._around, self._temp)
        for number in range(common, len(parts)):
            self._enter(parts[number], self._open[-1][1], "/".join((top, *parts[: number + 1])))
        return self._open[-1][1], name, f"{top}/{path}"

    def _enter(self, name: str, around: int, shown: str) -> None:
        try:
            perform("mkdir", shown, os.mkdir, name, dir_fd=around)
        except FileExistsError:
            raise _one_name(shown) from None
        except FileNotFoundError as error:
            if not self._open:
                raise no_folder(self._target, self._around or ".") from None
            raise storage_error("mkdir", shown, error) from error
        try:
            descriptor = os.open(name, _FOLDER | os.O_NOFOLLOW, dir_fd=around)
        except OSError as error:
            raise storage_error("open", shown, error) from error
        self._open.append((name, descriptor))

    def _go_back(self, depth: int) -> None:
        while len(self._open) > depth:
            os.close(self._open.pop()[1])

    def said(self) -> AbstractContextManager[None]:
        """Say of errors of the disk that they are about this folder, as `said_of` does."""
        return said_of(self._target, os.path.join(self._around, self._temp))

    # Publishing ----------------------------------------------------------------------------------------------------

    def publish(self) -> None:
        """Give the folder its name.

        A folder that is to be replaced is moved aside first, back if that was in vain, and removed in the end. An
        empty one that somebody made meanwhile is replaced unasked: that is what `rename` does.

        Raises
        ------
        RefusedError
            If something is there that is not to be replaced.
        StorageError
            If renaming failed; the name is as it was.
        """
        for _ in range(_ATTEMPTS):
            if self._rename_if_free() or self._swap():
                self._left.remove(self._temp)
                return
        raise taken(self._target)

    def _swap(self) -> bool:
        """Move the folder that is there aside, and rename; False if somebody was faster again."""
        self._check_free()
        aside = self._hidden("old")
        try:
            self._rename(self._name, aside)
            published = self._rename_if_free()
        except FileNotFoundError:  # somebody else took the old one away
            return False
        except BaseException:
            with contextlib.suppress(StorageError, FileNotFoundError):  # the first error is the one to report
                self._rename(aside, self._name)
            raise
        self._left.append(aside)
        return published

    def _rename_if_free(self) -> bool:
        try:
            self._rename(self._temp, self._name)
        except FileExistsError:
            return False
        except FileNotFoundError as error:  # somebody removed what is on its way
            raise storage_error("rename", self._target, error) from error
        except StorageError as error:
            if posix.errno_of(error) not in _TAKEN:
                raise
            return False
        return True

    def _rename(self, old: str, new: str) -> None:
        around = self._descriptor
        perform("rename", self._target, os.rename, old, new, src_dir_fd=around, dst_dir_fd=around)

    def _check_free(self) -> None:
        """Refuse what is there, but for a folder that is to be replaced."""
        try:
            found = os.stat(self._name, dir_fd=self._descriptor, follow_symlinks=False)
        except FileNotFoundError:
            return
        except OSError as error:
            raise storage_error("look at", self._target, error) from error
        if not stat.S_ISDIR(found.st_mode):
            raise RefusedError(
                f"{self._target} is there already, and is no folder: it is never replaced by one",
                hint="choose another name",
            )
        if not self._replace:
            raise taken(self._target)

    # Parts ---------------------------------------------------------------------------------------------------------

    def _hidden(self, suffix: str) -> str:
        return f".consist-{os.urandom(8).hex()}.{suffix}"

    def _open_around(self) -> int:
        try:
            return os.open(self._around or ".", _FOLDER)
        except (FileNotFoundError, NotADirectoryError):
            raise no_folder(self._target, self._around) from None
        except OSError as error:
            raise storage_error("open", self._around, error) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        import shutil  # slow to import, with its archives and compressions

        self._go_back(0)
        for name in self._left:  # what cannot be removed stays: the first error is the one to report
            with contextlib.suppress(StorageError, FileNotFoundError):
                shown = os.path.join(self._around, name)
                perform("rmtree", shown, shutil.rmtree, name, dir_fd=self._descriptor)
        os.close(self._descriptor)


def _close(descriptor: int, shown: str) -> None:
    try:
        os.close(descriptor)
    except OSError as error:  # NFS reports a failed write here
        raise storage_error("close", shown, error) from error


def _one_name(shown: str) -> UnsupportedError:
    return UnsupportedError(
        f"{shown} is there already: this file system takes two names for one", hint="restore it elsewhere"
    )
