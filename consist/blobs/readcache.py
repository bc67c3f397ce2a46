"""`ReadCache`: what was fetched from a remote store, kept on this machine's disk. It may be lost at any time.

It keeps small blobs and manifests whole, and of packs those parts that were read, each at its own place in a sparse
file. Nothing says which parts those are: whatever comes out of the cache is compared with its digest, so a hole, a torn
write and a flipped bit are all the same, a miss. They are fetched again, and say nothing about the store.

Of many processes that miss the same object, one fetches it while the others wait for its lock and then find it. A cache
that cannot be written or locked is warned of once and then only read. ``docs/format-cache.md`` says what the folder
holds.
"""

from __future__ import annotations

import contextlib
import os
import sys
from typing import TYPE_CHECKING, ParamSpec, TypeVar

from consist.blobs import layout
from consist.blobs.cachefiles import lock_file, make_folder, read_kept, reading
from consist.blobs.cacheroom import Room
from consist.errors import ConsistWarning, DamagedError, FormatError, StorageError, warn
from consist.fileops import perform

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from consist.blobs.cachefiles import CacheFile
    from consist.blobs.posix import OpenFile
    from consist.hashing.digest import Digest

P = ParamSpec("P")
T = TypeVar("T")

DEFAULT_LIMIT = 10 << 30
"""Bytes on the disk, for all stores of a user together."""

_MOST_HELD = 64
"""Files that one fetch holds at once; what is beyond is fetched all the same, and kept by a later read."""

_TAG = b"""Signature: 8a477f597d28d172789f06886806bc55
# This folder holds copies of what consist read from remote stores. It may be deleted at any time.
"""


class ReadCache:
    """What this machine keeps of one remote store.

    Parameters
    ----------
    root : str
        The folder of the cache, with a folder for each store; made when something is first kept.
    store_id : str
        Which store: a name for its folder.
    limit : int
        Bytes on the disk, of all stores together; beyond that what was not used for longest goes.

    Examples
    --------
    >>> import tempfile
    >>> from consist.hashing.hasher import hash_bytes
    >>> cache = ReadCache(tempfile.mkdtemp(), "0" * 32, DEFAULT_LIMIT)
    >>> def fetch():
    ...     print("fetching")
    ...     return b"content"
    >>> digest = hash_bytes(b"content")
    >>> cache.whole(layout.BLOBS, digest, bytes.decode, fetch)
    fetching
    'content'
    >>> cache.whole(layout.BLOBS, digest, bytes.decode, fetch)
    'content'
    """

    def __init__(self, root: str, store_id: str, limit: int) -> None:
        self._root = root
        self._folder = f"{root}/{store_id}"
        self._room = Room(root, limit)
        self._writes = True

    def __repr__(self) -> str:
        return f"ReadCache({self._folder!r})"

    # Whole objects -------------------------------------------------------------------------------------------------

    def whole(
        self,
        area: str,
        digest: Digest,
        parse: Callable[[bytes], T],
        fetch: Callable[[], bytes],
        *,
        most: int = sys.maxsize,
    ) -> T:
        """Return a small object, kept or fetched.

        Parameters
        ----------
        area : str
            Where it lies in the store.
        digest : Digest
            What names it there.
        parse : callable
            Checks the bytes, and returns what is wanted of them. `DamagedError` and `FormatError` mean, of bytes that
            were kept, that they are fetched again.
        fetch : callable
            Gets them from the store.
        most : int, optional
            What has more bytes is not kept.

        Raises
        ------
        Exception
            What `fetch` raises, and `parse` of bytes that it returned.
        """
        with reading(self._path(area, digest)) as file:
            found = _parsed(file, parse, most)
        if found is not None:
            return found
        with self.filling(area, [digest]) as files:
            again = files[digest].opened() if digest in files else None
            if again is not None and again.size:  # an empty one was just made, by this lock
                found = _parsed(again, parse, most)
            if found is not None:
                return found
            data = fetch()
            found = parse(data)
            if digest in files and len(data) <= most:
                self._try(files[digest].replace, data)
            return found

    def keep(self, area: str, digest: Digest, data: bytes) -> None:
        """Keep an object in place of what was kept of it."""
        with self.filling(area, [digest]) as files:
            for file in files.values():
                self._try(file.replace, data)

    def has(self, area: str, digest: Digest) -> bool:
        """Tell whether anything is kept of an object, right or wrong."""
        return os.path.exists(self._path(area, digest))  # noqa: PTH110 - strings throughout

    def forget(self, area: str, digest: Digest) -> None:
        """Remove what is kept of an object."""
        path = self._path(area, digest)
        with contextlib.suppress(FileNotFoundError, StorageError):
            perform("unlink", path, os.unlink, path)

    # Parts of objects ----------------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def opened(self, area: str, digests: Iterable[Digest]) -> Iterator[dict[Digest, OpenFile]]:
        """Open what is kept of some objects, to be read with `read_kept`."""
        with contextlib.ExitStack() as stack:
            files = {digest: stack.enter_context(reading(self._path(area, digest))) for digest in set(digests)}
            yield {digest: file for digest, file in files.items() if file is not None}

    @contextlib.contextmanager
    def filling(self, area: str, digests: Iterable[Digest]) -> Iterator[dict[Digest, CacheFile]]:
        """Hold the files of objects that are about to be fetched, against all other processes and threads.

        Look into them again first: somebody may have been quicker. An object that has no file here cannot be kept.
        """
        files: dict[Digest, CacheFile] = {}
        try:
            self._try(self._hold, area, digests, files)
            yield files
        finally:
            for file in files.values():
                with contextlib.suppress(OSError):  # NFS reports here that something was not written
                    file.release()
        written = [file.written for file in files.values() if file.is_used]
        if written:
            self._try(self._room.take, len(written), sum(written))

    def write(self, file: CacheFile, start: int, data: bytes | memoryview) -> None:
        """Keep a part of an object."""
        self._try(file.write, start, data)

    # Parts ---------------------------------------------------------------------------------------------------------

    def _path(self, area: str, digest: Digest) -> str:
        return f"{self._folder}/{layout.digest_key(area, digest)}"

    def _hold(self, area: str, digests: Iterable[Digest], files: dict[Digest, CacheFile]) -> None:
        """Lock some files, all processes in the same order, so that no two wait for each other."""
        tag = f"{self._root}/{layout.CACHEDIR_TAG}"
        if not os.path.lexists(tag):
            self._make_tag(tag)
        for digest in sorted(set(digests))[:_MOST_HELD]:
            file = lock_file(self._path(area, digest))
            if file is not None:
                files[digest] = file

    def _make_tag(self, tag: str) -> None:
        make_folder(self._root)
        with contextlib.suppress(FileExistsError):
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
            descriptor = perform("open", tag, os.open, tag, flags, 0o600)
            try:
                perform("write", tag, os.write, descriptor, _TAG)
            finally:
                os.close(descriptor)

    def _try(self, change: Callable[P, object], /, *args: P.args, **kwargs: P.kwargs) -> None:
        """Change the cache, as long as that works: reading must not fail because it cannot be made cheaper."""
        if not self._writes:
            return
        try:
            change(*args, **kwargs)
        except OSError as error:  # ours is one, too
            self._writes = False
            warn(f"the read cache is not written to any more: {error}", ConsistWarning)


def _parsed(file: OpenFile | None, parse: Callable[[bytes], T], most: int) -> T | None:
    """Return what is wanted of a file of the cache, or None if it is none, or wrong."""
    if file is None or file.size > most:
        return None
    data = read_kept(file, 0, file.size)
    with contextlib.suppress(DamagedError, FormatError):
        return None if data is None else parse(data)
    return None
