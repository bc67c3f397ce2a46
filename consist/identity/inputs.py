"""The inputs' part of a signature: each input's name and content, never its path.

Whoever reads the files passes in how one is digested, so that this layer knows neither stat cache nor store.
"""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

from consist.errors import InputError
from consist.hashing.canonical import canonical_digest
from consist.hashing.hasher import Hashed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from consist.hashing.digest import Digest

DOMAIN = "consist 2026 inputs"
FOLDER_DOMAIN = "consist 2026 input folder"


def inputs_digest(inputs: Iterable[tuple[str, str, Digest]]) -> Digest:
    """Digest the inputs of a run.

    Parameters
    ----------
    inputs : iterable of (name, form, digest)
        `form` is what the content is read as: ``file``, ``folder``, or the format of an artifact. Order is free.
    """
    return canonical_digest(DOMAIN, {name: (form, digest.raw) for name, form, digest in inputs})


def folder_identity(folder: str, digest_file: Callable[[str], Hashed]) -> Hashed:
    """Digest a folder by the relative paths and contents of all files below it, and by its empty folders.

    Of a file's mode its owner's executable bit counts, which is what a stored folder keeps of it.

    Parameters
    ----------
    folder : str
        Its path.
    digest_file : callable
        Digests one file.

    Returns
    -------
    Hashed
        The digest, and the files' size in all, in bytes.

    Raises
    ------
    InputError
        If something in it is neither file, folder nor a link to one, or a link leads back to a folder around it.
    """
    entries: list[tuple[str, bytes, bool]] = []
    size = 0
    for path, mode in _walk(folder, ()):
        relative = os.path.relpath(path, folder)
        if stat.S_ISDIR(mode):
            entries.append((relative + "/", b"", False))
            continue
        hashed = digest_file(path)
        entries.append((relative, hashed.digest.raw, bool(mode & stat.S_IXUSR)))
        size += hashed.size
    return Hashed(canonical_digest(FOLDER_DOMAIN, sorted(entries)), size)


def _walk(folder: str, around: tuple[tuple[int, int], ...]) -> Iterator[tuple[str, int]]:
    """Yield path and mode of every file, and of every empty folder, below `folder`; links are followed."""
    try:
        here = os.stat(folder)  # noqa: PTH116 - strings throughout
        names = sorted(os.listdir(folder))  # noqa: PTH208 - the same
    except OSError as error:
        raise InputError(
            f"cannot read the folder {folder}: {error.strerror}", hint="see to it that it can be read"
        ) from error
    identity = (here.st_dev, here.st_ino)
    if identity in around:
        raise InputError(
            f"{folder} is a link to a folder around it", hint="remove the link, or name the files you need"
        )
    if not names:
        yield folder, here.st_mode
    for name in names:
        path = os.path.join(folder, name)  # noqa: PTH118 - the same
        try:
            mode = os.stat(path).st_mode  # noqa: PTH116 - the same
        except OSError as error:
            raise InputError(f"cannot read {path}: {error.strerror}", hint="a broken link?") from error
        if stat.S_ISDIR(mode):
            yield from _walk(path, (*around, identity))
        elif stat.S_ISREG(mode):
            yield path, mode
        else:
            raise InputError(f"{path} is neither a file nor a folder", hint="an input folder holds plain files")
