"""Storing a folder as a tree: each file a blob, then the tree, so that a tree's files are there before it is.

Memory is bounded by one batch of small files, whatever the folder holds, and by the list of its names. A file or
folder that changes while it is read is noticed, as with input files, and never half of it stored under a name.
"""

from __future__ import annotations

import contextlib
from functools import cache, partial
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

from consist.blobs.folderscan import FOLLOW, REFUSE, scan, unreadable
from consist.blobs.tree import TreeFile, decode_tree, encode_tree, make_tree
from consist.errors import BlobNotFoundError, DamagedError, FormatError, StorageError
from consist.hashing.hasher import BLOCK, Hashed, hash_bytes
from consist.hashing.steady import read_steadily

if TYPE_CHECKING:
    import os
    from collections.abc import Callable

    from consist.blobs.blobstore import BlobStore
    from consist.blobs.folderscan import FoundFile, Scan
    from consist.blobs.largeblobs import Like
    from consist.blobs.tree import Tree
    from consist.hashing.digest import Digest

BATCH_FILES = 64
BATCH_BYTES = 16 << 20
"""What is put into a remote store in one go: enough for all of its connections, and little memory."""


class PutTree(NamedTuple):
    """A tree that was stored.

    Attributes
    ----------
    digest : Digest
        Of the tree.
    size : int
        Bytes of the tree itself, the list.
    files : int
        How many files are in it.
    total : int
        Bytes of their content.
    """

    digest: Digest
    size: int
    files: int
    total: int


def put_tree(
    blobs: BlobStore,
    folder: str,
    *,
    symlinks: str = REFUSE,
    like: Like | None = None,
    seen: Callable[[int], object] = int,
) -> PutTree:
    """Store a folder.

    Parameters
    ----------
    blobs : BlobStore
        Where it goes.
    folder : str
        Its path.
    symlinks : {"refuse", "follow"}
        What to do about symbolic links in it. None is ever stored as one: it could lead anywhere.
    like : callable, optional
        Asked, if a file is large and new to this machine, for the digest of an earlier tree of this folder; returns
        None if there is none. Each large file may share chunks with the file that has its path there.
    seen : callable
        Told the bytes of what was read, to show how far it has come.

    Returns
    -------
    PutTree
        Its digest and sizes. Files that the store has already are not written again.

    Raises
    ------
    UsageError
        If it holds what a tree cannot, cannot be read, or changes meanwhile; the message names the place.
    StorageError
        If the storage failed. Some files may be there then, each of them whole; the tree is not.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> from consist.blobs.blobstore import BlobStore
    >>> from consist.blobs.local import LocalBackend
    >>> folder = pathlib.Path(tempfile.mkdtemp())
    >>> _ = (folder / "a.txt").write_text("content")
    >>> put = put_tree(BlobStore(LocalBackend(tempfile.mkdtemp())), str(folder))
    >>> put.files, put.total
    (1, 7)
    """
    keeper = _Keeper(blobs, seen, _earlier_files(blobs, like), follow=symlinks == FOLLOW)
    tree = _tree_of(scan(folder, symlinks=symlinks), keeper.keep)
    keeper.flush()
    stored = blobs.put_bytes(encode_tree(tree), like=like)
    return PutTree(stored.digest, stored.size, len(tree.files), tree.total)


def tree_of_folder(folder: str, digest_file: Callable[[str], Hashed], *, symlinks: str = REFUSE) -> Tree:
    """Return the tree of a folder of which nothing is stored.

    Parameters
    ----------
    folder : str
        Its path.
    digest_file : callable
        Digests a file as it was at one moment.
    symlinks : {"refuse", "follow"}
        What to do about symbolic links in it.

    Raises
    ------
    UsageError
        As `put_tree` does; and what `digest_file` raises.
    """

    def digest(file: FoundFile) -> Hashed:
        try:
            return digest_file(file.place)
        except OSError as error:
            raise unreadable(file.place, error) from error

    return _tree_of(scan(folder, symlinks=symlinks), digest)


def tree_digest(tree: Tree) -> Digest:
    """Return the digest that a tree is stored under."""
    return hash_bytes(encode_tree(tree))


def _tree_of(found: Scan, digest_file: Callable[[FoundFile], Hashed]) -> Tree:
    files = []
    for file in found.files:
        hashed = digest_file(file)
        files.append(TreeFile(file.path, hashed.size, file.executable, hashed.digest))
    found.check_unchanged()
    return make_tree(files, found.empty)


def _earlier_files(blobs: BlobStore, like: Like | None) -> Callable[[str], Digest | None]:
    """Return what tells, of a path, which blob an earlier tree has there; that tree is read when it is first asked."""

    @cache
    def files() -> dict[str, Digest]:
        digest = None if like is None else like()
        with contextlib.suppress(BlobNotFoundError, DamagedError, FormatError, StorageError):
            if digest is not None:
                return {file.path: file.digest for file in decode_tree(blobs.read(digest)).files if file.size >= BLOCK}
        return {}

    return lambda path: files().get(path)


class _Keeper:
    """Puts files into a store: large ones as streams, small ones in batches where a request takes long."""

    def __init__(
        self,
        blobs: BlobStore,
        seen: Callable[[int], object],
        earlier: Callable[[str], Digest | None],
        *,
        follow: bool,
    ) -> None:
        self._blobs = blobs
        self._seen = seen
        self._earlier = earlier
        self._local = blobs.backend.capabilities.files
        self._follow = follow
        self._batch: dict[Hashed, bytes] = {}
        self._bytes = 0

    def keep(self, file: FoundFile) -> Hashed:
        """Put a file, as it was at one moment."""
        read = partial(self._read, partial(self._earlier, file.path))
        try:
            what = read_steadily(file.place, read, follow=self._follow).what
        except StorageError:
            raise
        except OSError as error:
            raise unreadable(file.place, error) from error
        if isinstance(what, Hashed):
            return what
        self._seen(len(what))
        return self._put_small(what)

    def flush(self) -> None:
        """Put what is gathered."""
        if self._batch:
            self._blobs.whole.put_missing(self._batch)
            self._batch.clear()
            self._bytes = 0

    def _read(self, like: Like, stream: BinaryIO, found: os.stat_result) -> tuple[int, Hashed | bytes]:
        """Put a large file; return the bytes of a small one, to be put once it is certain that they are right."""
        if found.st_size >= BLOCK:
            hashed = Hashed(*self._blobs.put_stream(stream, like=like, seen=self._seen)[:2])
            return hashed.size, hashed
        data = stream.read(BLOCK)
        return len(data), data

    def _put_small(self, data: bytes) -> Hashed:
        """Put at once what costs a file, and gather what costs a request."""
        if self._local:
            return Hashed(*self._blobs.put_bytes(data)[:2])
        hashed = Hashed(hash_bytes(data), len(data))
        if hashed not in self._batch:
            self._batch[hashed] = data
            self._bytes += len(data)
        if len(self._batch) == BATCH_FILES or self._bytes >= BATCH_BYTES:
            self.flush()
        return hashed
