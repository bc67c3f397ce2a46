"""Blobs that are chunks in packs, put together by a manifest: all large ones that consist writes."""

from __future__ import annotations

import contextlib
import io
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

from consist.blobs import layout, posix
from consist.blobs.backend import ObjectStat
from consist.blobs.chunktable import LateTable, ManifestPlaces
from consist.blobs.copying import telling
from consist.blobs.damage import damaged_blob
from consist.blobs.listed import read_listed
from consist.blobs.manifest import Manifest, decode_manifest, encode_manifest, make_manifest, missing_pack
from consist.blobs.unreadable import is_lost
from consist.errors import (
    AlreadyExistsError,
    BlobNotFoundError,
    ChangedError,
    DamagedError,
    FormatError,
    StorageError,
)
from consist.hashing.hasher import Hasher

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, MutableSet, Sequence

    from consist.blobs.backend import Backend
    from consist.blobs.chunktable import ChunkTable, Entry
    from consist.blobs.extents import Fetcher
    from consist.blobs.pack import PackRef
    from consist.blobs.posix import Growing
    from consist.blobs.readcache import ReadCache
    from consist.hashing.chunker import Chunking
    from consist.hashing.digest import Digest

    Like = Callable[[], Digest | None]

_BUFFER = 64 << 10
"""Bytes that a reader asks for at a time, at the least: a chunk is fetched whole in any case, and kept."""

_KNOWN = 1000
"""Manifests whose packs a process remembers, for `stat`."""

_ATTEMPTS = 5


class _Known(NamedTuple):
    """What `stat` needs of a manifest, and the object that it was read from."""

    there: ObjectStat
    size: int
    packs: tuple[PackRef, ...]


class LargeBlobs:
    """The large blobs of a backend, by digest.

    Parameters
    ----------
    backend : Backend
        Where they are kept.
    suspects : MutableSet of Digest
        Blobs and packs found damaged, and not yet written anew.
    table : ChunkTable
        Which pack has which chunk, as far as is known.
    chunking : Chunking
        Where content is cut.
    compress : bool
        Whether chunks may be compressed.
    cache : ReadCache, optional
        Keeps manifests and parts of packs that were fetched.
    """

    def __init__(  # noqa: PLR0913 - what the store hands down; one place calls it
        self,
        backend: Backend,
        suspects: MutableSet[Digest],
        table: ChunkTable,
        *,
        chunking: Chunking,
        compress: bool,
        cache: ReadCache | None = None,
    ) -> None:
        self._backend = backend
        self._suspects = suspects
        self._table = table
        self._chunking = chunking
        self._compress = compress
        self._cache = cache
        self._known: dict[Digest, _Known] = {}

    def put(self, fill: Callable[[memoryview], int], head: bytes, *, like: Like | None) -> Manifest:
        """Keep a content, in one pass; return how it is put together in the store.

        Parameters
        ----------
        fill : callable
            Fills a buffer with what comes next and returns how many bytes; less than it holds only at the end.
        head : bytes
            What was read already.
        like : callable, optional
            Asked, once a chunk comes that is not known here, for the digest of a blob that this one may share chunks
            with, which another machine may have put; returns None if there is none.

        Raises
        ------
        ChangedError
            If packs that it shares were removed meanwhile: the content must be read again.
        """
        from consist.blobs.large import cut_through
        from consist.blobs.packing import Packing, Reuse

        tables = [self._table] if like is None else [self._table, LateTable(lambda: self._entries_of(like()))]
        reuse = Reuse(self._backend, tables, self._suspects)
        with Packing(self._backend, self._table, reuse, compress=self._compress) as packing:
            hashed = cut_through(fill, head, self._chunking, packing.feed)
            packs, chunks = packing.finish()
        manifest = make_manifest(hashed.digest, packs, chunks)
        if missing_pack(self._backend, packing.reused()) is not None:
            raise ChangedError(
                f"chunks of blob {hashed.digest.short} were removed from {self._backend.url} while it was put",
                hint="put it again",
            )
        manifest = self._publish(manifest)
        self._known.pop(manifest.digest, None)  # where objects have no dates, a replaced one may look the same
        for ref in packing.written:
            self._suspects.discard(ref.name)
        self._suspects.discard(hashed.digest)
        return manifest

    def open(self, digest: Digest) -> BinaryIO | None:
        """Open a blob as a seekable file; every chunk is checked before it is handed out. None if there is none."""
        manifest = self._known_manifest(digest)
        if manifest is None:
            return None
        from consist.blobs.largereader import LargeReader

        return io.BufferedReader(LargeReader(self._fetcher(manifest, self._cache), self._window), _BUFFER)

    def read(self, digest: Digest) -> bytes | None:
        """Return a blob, checked as a whole; None if there is none."""
        buffer = io.BytesIO()  # which hands out what was written without another copy
        return None if self.copy(digest, buffer.write) is None else buffer.getvalue()

    def read_parts(self, digest: Digest, parts: Sequence[slice]) -> list[bytes] | None:
        """Return parts of a blob, every chunk that they touch checked; None if there is no such blob."""
        manifest = self._known_manifest(digest)
        if manifest is None:
            return None
        from consist.blobs.largeparts import read_parts

        return read_parts(self._fetcher(manifest, self._cache), parts, self._window)

    def copy(self, digest: Digest, write: Callable[[memoryview], object], *, cached: bool = True) -> int | None:
        """Read a blob piece by piece into `write`, and check all of it; return its size, or None if there is none.

        What was written is right only once this returned: chunks are not looked at one by one unless a cache is to
        keep them. If the whole is wrong, they are, to tell which pack has the damage.

        Without `cached` what is in the store is read, whatever this machine keeps.
        """
        manifest = self._known_manifest(digest) if cached else self.manifest(digest)
        if manifest is None:
            return None
        from concurrent.futures import ThreadPoolExecutor

        from consist.blobs.largereader import windows

        cache = self._cache if cached else None
        fetcher = self._fetcher(manifest, cache)
        hasher = Hasher(threads=1)
        with ThreadPoolExecutor(1, thread_name_prefix="consist-hash") as hashing:
            for window in windows(fetcher, self._window, checked=cache is not None):
                hashed = hashing.submit(_update, hasher, window)
                _write(window, write)
                hashed.result()
                window.clear()  # let go of before the next is waited for
        if hasher.result().digest != digest:
            self._forget(digest)
            for _ in windows(fetcher, self._window):
                pass
            raise self._other_content(digest)
        return manifest.size

    def copy_into(self, digest: Digest, file: Growing, seen: Callable[[int], object]) -> int | None:
        """Write a blob to a new file, and check what is in it; return its size, or None if there is none.

        Within the system where packs are files. What is wrong then is written again piece by piece: to tell which pack
        has the damage, and to be right where it was the system's way that went wrong.
        """
        if posix.CAN_SEND and self._backend.capabilities.files and self._cache is None:
            manifest = self.manifest(digest)
            if manifest is None:
                return None
            from consist.blobs.largefile import copy_within

            with contextlib.suppress(BlobNotFoundError, DamagedError):
                if copy_within(self._backend, self._fetcher(manifest, None), file, seen) == digest:
                    return manifest.size
            untold = manifest.size - file.size
            file.begin_again()
            size = self.copy(digest, file.write)  # None if the manifest went meanwhile, as it does before its packs
            if size is not None:
                seen(untold)
            return size
        return self.copy(digest, telling(file.write, seen))

    def stat(self, digest: Digest) -> ObjectStat | None:
        """Return size and date of a blob; None if there is none, or not all packs that it needs."""
        there = self._backend.stat(_key(digest))
        if there is None:
            return None
        known = self._known.get(digest)
        if known is None or known.there != there:
            try:
                manifest = self.manifest(digest)
            except (DamagedError, FormatError):
                return None
            if manifest is None:
                return None
            known = self._remember(there, manifest)
        if missing_pack(self._backend, known.packs) is not None:
            return None
        return ObjectStat(there.key, known.size, there.modified)

    def manifest(self, digest: Digest) -> Manifest | None:
        """Return how a blob is put together in the store, or None if there is no manifest of it.

        Raises
        ------
        DamagedError
            If the manifest is damaged.
        """
        return self._noted(digest, lambda: decode_manifest(self._backend.get(_key(digest)), digest))

    def decode(self, digest: Digest, data: bytes) -> Manifest:
        """Return the manifest that the bytes of one are; errors as for `manifest`."""
        try:
            return decode_manifest(data, digest)
        except DamagedError as error:
            raise damaged_blob(self._backend, self._suspects, digest, error.message) from error

    def list(self, folder: str) -> Iterator[tuple[Digest, ObjectStat]]:
        """Yield the large blobs below ``manifests/<folder>``, in any order; what cannot be read is passed over."""
        listed = self._backend.list(f"{layout.MANIFESTS}/{folder}".rstrip("/"))
        for found, data in read_listed(self._backend, listed):
            with contextlib.suppress(DamagedError, FormatError):
                digest = layout.key_digest(found.key)
                yield digest, found._replace(size=self.decode(digest, data).size)

    def delete(self, digest: Digest) -> None:
        """Remove a blob's manifest, if it is there. Its packs stay: other blobs may need them."""
        self._forget(digest)
        self._backend.delete(_key(digest))

    def _known_manifest(self, digest: Digest) -> Manifest | None:
        """Return what `manifest` does, or what this machine keeps of an earlier answer.

        Any whole manifest of a blob is as good as another, as long as its packs are there.
        """
        cache = self._cache
        if cache is None:
            return self.manifest(digest)

        def parse(data: bytes) -> Manifest:
            return decode_manifest(data, digest)

        def fetch() -> bytes:
            return self._backend.get(_key(digest))

        return self._noted(digest, lambda: cache.whole(layout.MANIFESTS, digest, parse, fetch))

    def _noted(self, digest: Digest, load: Callable[[], Manifest]) -> Manifest | None:
        """Load a manifest; one that is damaged is noted under the blob's name."""
        try:
            return load()
        except BlobNotFoundError:
            return None
        except DamagedError as error:
            raise damaged_blob(self._backend, self._suspects, digest, error.message) from error

    def _renewed(self, cache: ReadCache, digest: Digest) -> Manifest | None:
        """Return the store's manifest, and keep it in place of what is kept."""
        manifest = self.manifest(digest)
        if manifest is not None:
            cache.keep(layout.MANIFESTS, digest, encode_manifest(manifest))
        return manifest

    def _forget(self, digest: Digest) -> None:
        if self._cache is not None:
            self._cache.forget(layout.MANIFESTS, digest)

    @property
    def _window(self) -> int:
        from consist.blobs.largereader import LOCAL_WINDOW, REMOTE_WINDOW

        return LOCAL_WINDOW if self._backend.capabilities.files else REMOTE_WINDOW

    def _fetcher(self, manifest: Manifest, cache: ReadCache | None) -> Fetcher:
        from consist.blobs.extents import Fetcher, Kept

        kept = None if cache is None else Kept(cache, lambda: self._renewed(cache, manifest.digest))
        return Fetcher(self._backend, manifest, self._suspects, kept)

    def _other_content(self, digest: Digest) -> DamagedError:
        """Return what to raise where each chunk is right, and the whole is not: the manifest is of something else."""
        return damaged_blob(self._backend, self._suspects, digest, "its manifest does not put it together")

    def _publish(self, manifest: Manifest) -> Manifest:
        """Publish a manifest, unless there is one that serves; one that does not is replaced."""
        for _ in range(_ATTEMPTS):
            if self._create(manifest):
                return manifest
            with contextlib.suppress(ChangedError, BlobNotFoundError):  # somebody was quicker: look again
                return self._meet(manifest)
        raise ChangedError(f"{manifest.key} keeps changing", hint="put it again")

    def _create(self, manifest: Manifest) -> bool:
        """Tell whether there was none. Its bytes end here: beside those that are there they would be too many."""
        try:
            self._backend.create(manifest.key, encode_manifest(manifest))
        except AlreadyExistsError:
            return False
        return True

    def _meet(self, manifest: Manifest) -> Manifest:
        """Settle with the manifest that is there: return it if it serves, else replace it."""
        try:
            data, version = self._backend.get_versioned(manifest.key)
        except StorageError as error:
            if not is_lost(error):
                raise
            self._backend.delete(manifest.key)  # nobody can read it, so nobody loses it
            raise ChangedError(f"{manifest.key} could not be read") from error
        there = self._serving(data, manifest)
        if there is not None:
            return there
        del data
        framed = encode_manifest(manifest)
        if self._backend.capabilities.replace:
            self._backend.replace(manifest.key, framed, if_match=version)
        else:  # any whole manifest of a blob is as good as another
            self._backend.put(manifest.key, framed)
        return manifest

    def _serving(self, data: bytes, manifest: Manifest) -> Manifest | None:
        """Return the manifest that is there if it puts the same together, by packs that are there and trusted.

        Those of our own manifest were written or confirmed just now, and are not asked for again.
        """
        with contextlib.suppress(DamagedError):
            there = decode_manifest(data, manifest.digest)
            suspect = any(name in self._suspects for name in (manifest.digest, *(ref.name for ref in there.packs)))
            is_trusted = not suspect and there.chunk_list() == manifest.chunk_list()
            ours = {*manifest.packs}
            others = [ref for ref in there.packs if ref not in ours]
            if is_trusted and (not others or missing_pack(self._backend, others) is None):
                return there
        return None

    def _entries_of(self, like: Digest | None) -> dict[bytes, Entry] | ManifestPlaces:
        """Return where another blob's chunks lie; nothing if that blob is not there."""
        with contextlib.suppress(DamagedError, FormatError):
            manifest = None if like is None else self.manifest(like)
            if manifest is not None:
                return ManifestPlaces(manifest)
        return {}

    def _remember(self, there: ObjectStat, manifest: Manifest) -> _Known:
        if len(self._known) >= _KNOWN:
            self._known.clear()
        known = self._known[manifest.digest] = _Known(there, manifest.size, manifest.packs)
        return known


def _key(digest: Digest) -> str:
    return layout.digest_key(layout.MANIFESTS, digest)


def _write(window: Sequence[bytes | memoryview], write: Callable[[memoryview], object]) -> None:
    for chunk in window:
        write(memoryview(chunk))


def _update(hasher: Hasher, window: Sequence[bytes | memoryview]) -> None:
    for chunk in window:
        hasher.update(chunk)
