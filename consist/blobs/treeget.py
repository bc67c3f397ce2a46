"""Reading trees: one back from its blob, a folder restored from it, and all of it verified.

Whoever finds that a file of a tree is missing or damaged adds the *tree* to `BlobStore.suspects`. Then a look-up of
its run is a miss, the run makes the folder anew, and what is missing is put again: nothing need look at the files of a
tree before (a hit on a folder of 10,000 files costs one stat).

Restoring checks every file as it is written, into a folder that gets its name at the end (``newfolder.py``).
"""

from __future__ import annotations

import contextlib
import io
from functools import partial
from heapq import merge
from typing import TYPE_CHECKING, BinaryIO

from consist.blobs import layout
from consist.blobs.backend import Range
from consist.blobs.copying import telling
from consist.blobs.damage import HINT
from consist.blobs.newfolder import NewFolder
from consist.blobs.tree import Tree, decode_tree
from consist.blobs.treeput import BATCH_BYTES, BATCH_FILES
from consist.errors import BlobNotFoundError, DamagedError, NotFoundError
from consist.hashing.hasher import BLOCK, hash_bytes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from contextlib import AbstractContextManager

    from consist.blobs.blobstore import BlobStore
    from consist.blobs.posix import Growing
    from consist.blobs.tree import TreeFile
    from consist.hashing.digest import Digest


def read_tree(blobs: BlobStore, digest: Digest) -> Tree:
    """Return a tree, checked.

    Raises
    ------
    BlobNotFoundError
        If there is no such blob.
    DamagedError
        If its bytes are not the blob's, or are no tree.
    """
    try:
        return decode_tree(blobs.read(digest))
    except DamagedError as error:
        blobs.suspects.add(digest)
        raise DamagedError(f"the tree {digest.short} is damaged: {error.message}", hint=error.hint) from error


def verify_tree(blobs: BlobStore, digest: Digest) -> int:
    """Read all files of a tree and compare them with their digests.

    Returns
    -------
    int
        How many bytes were read.

    Raises
    ------
    BlobNotFoundError
        If there is no such tree.
    DamagedError
        If the tree or one of its files is damaged or missing; the tree is a suspect then.
    """
    done = 0
    for file in read_tree(blobs, digest).files:
        with noticing(blobs, digest, file.path):
            size = blobs.verify(file.digest)
            _check_size(file, size)
        done += size
    return done


@contextlib.contextmanager
def noticing(blobs: BlobStore, digest: Digest, path: str) -> Iterator[None]:
    """Say of a missing or damaged file which tree it was needed for, and note that the tree is not whole.

    Raises
    ------
    DamagedError
        For a `DamagedError` or a `BlobNotFoundError` within.
    """
    try:
        yield
    except (BlobNotFoundError, DamagedError) as error:
        blobs.suspects.add(digest)
        raise DamagedError(
            f"{path} in the tree {digest.short} cannot be read: {error.message}",
            hint=HINT,
        ) from error


def open_in_tree(blobs: BlobStore, digest: Digest, file: TreeFile) -> BinaryIO:
    """Open a file of a tree as a seekable binary file, checked as `BlobStore.open` does.

    Raises
    ------
    DamagedError
        Here or from a read, if it is damaged or missing; the tree is a suspect then.
    """
    with noticing(blobs, digest, file.path):
        source = blobs.open(file.digest, size=file.size)
    if isinstance(source, io.BytesIO):  # small, and checked whole
        return source
    return io.BufferedReader(_Noticing(source, lambda: noticing(blobs, digest, file.path)), BLOCK)


class _Noticing(io.RawIOBase):
    """A file of a tree, whose reader notes damage that comes to light on the way."""

    def __init__(self, source: BinaryIO, watched: Callable[[], AbstractContextManager[None]]) -> None:
        super().__init__()
        self._source = source
        self._watched = watched

    def readable(self) -> bool:
        """Say yes."""
        return True

    def seekable(self) -> bool:
        """Say yes."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        """Go elsewhere."""
        return self._source.seek(offset, whence)

    def readinto(self, buffer: object, /) -> int:
        """Read up to a buffer's length."""
        with self._watched():
            return self._source.readinto(buffer)  # type: ignore[attr-defined, no-any-return]  # a BufferedReader

    def close(self) -> None:
        """Close what is read from."""
        self._source.close()
        super().close()


def restore_tree(  # noqa: PLR0913 - three say what and where, the others how
    blobs: BlobStore,
    digest: Digest,
    target: str,
    *,
    within: str = "",
    force: bool = False,
    seen: Callable[[int], object] = int,
) -> None:
    """Write a tree to a folder, every file checked before the folder appears.

    Parameters
    ----------
    blobs : BlobStore
        Where the tree is.
    digest : Digest
        Which tree.
    target : str
        The folder that is made; the folder that it lies in must exist.
    within : str
        Restore only what is below this path of the tree.
    force : bool
        Replace the folder that is there, with all that is in it: it is moved aside, and removed when the new one has
        its name. What is no folder, a link to one included, is never replaced.
    seen : callable
        Told the bytes of each piece that was written, to show how far it has come.

    Raises
    ------
    RefusedError
        If something is there, and `force` is False; or if it is never replaced.
    UnsupportedError
        If the file system there takes two names of the tree for one.
    UsageError
        If `target` cannot be a folder's name, or there is no folder to make it in.
    NotFoundError
        If there is no such tree, or nothing at `within`.
    DamagedError
        If the tree or a file of it is damaged or missing.
    StorageError
        If writing failed. Whatever is raised, the target is as it was.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> from consist.blobs.blobstore import BlobStore
    >>> from consist.blobs.local import LocalBackend
    >>> from consist.blobs.treeput import put_tree
    >>> folder = pathlib.Path(tempfile.mkdtemp())
    >>> _ = (folder / "a.txt").write_text("content")
    >>> blobs = BlobStore(LocalBackend(str(folder / "store")))
    >>> (folder / "made").mkdir()
    >>> _ = (folder / "made" / "b.txt").write_text("more")
    >>> restore_tree(blobs, put_tree(blobs, str(folder / "made")).digest, str(folder / "again"))
    >>> (folder / "again" / "b.txt").read_text()
    'more'
    """
    tree = read_tree(blobs, digest)
    part = tree.find(within) if within else tree
    if not isinstance(part, Tree):
        raise NotFoundError(f"there is no folder {within!r:.300} in the tree {digest.short}")
    with NewFolder(target, replace=force) as folder, folder.said():
        files = ((file.path, file, data) for file, data in _fetched(blobs, part.files))
        empty = ((f"{path}/", None, None) for path in part.empty)
        for path, file, data in merge(files, empty, key=lambda entry: entry[0]):
            if file is None:
                folder.folder(path.removesuffix("/"))
                continue
            with noticing(blobs, digest, path):
                fill = partial(_fill, blobs, file, data, seen)
                _check_size(file, folder.file(path, fill, executable=file.executable))
        folder.publish()


def _fetched(blobs: BlobStore, files: tuple[TreeFile, ...]) -> Iterator[tuple[TreeFile, bytes | memoryview | None]]:
    """Yield files with their contents, as far as those are small and many of them are fetched at once.

    What is not as it should be is left out: it is read again on its own, and then said what is wrong.
    """
    if blobs.backend.capabilities.files:
        yield from ((file, None) for file in files)
        return
    for batch in _batches(files):
        small = [file for file in batch if file.size < BLOCK]
        wanted = [Range(layout.digest_key(layout.BLOBS, file.digest), 0, file.size) for file in small]
        found: dict[Digest, bytes | memoryview] = {}
        with contextlib.suppress(BlobNotFoundError):
            contents = zip(small, blobs.backend.get_ranges(wanted), strict=True)
            found = {file.digest: data for file, data in contents if hash_bytes(data) == file.digest}
        yield from ((file, found.get(file.digest)) for file in batch)


def _batches(files: Iterable[TreeFile]) -> Iterator[list[TreeFile]]:
    """Cut a list of files so that the small ones of a batch fit the memory of one."""
    batch: list[TreeFile] = []
    size = 0
    for file in files:
        batch.append(file)
        size += file.size if file.size < BLOCK else 0
        if len(batch) == BATCH_FILES or size >= BATCH_BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _fill(
    blobs: BlobStore, file: TreeFile, data: bytes | memoryview | None, seen: Callable[[int], object], made: Growing
) -> None:
    """Write a file's content, which may be at hand; of a large blob the whole is checked, not only its chunks."""
    if data is None:
        blobs.copy_into(file.digest, made, size=file.size, seen=seen)
    else:
        telling(made.write, seen)(memoryview(data))


def _check_size(file: TreeFile, size: int) -> None:
    """Refuse a tree that does not know its files: its digest is right, so it was made wrong."""
    if size != file.size:
        raise DamagedError(f"it has {size} bytes, not {file.size} as the tree says")
