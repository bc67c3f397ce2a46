"""`BackendSuite`: the contract of a `Backend`, sentence by sentence, as a pytest class to inherit from.

Every expectation is checked by an *oracle* that the subclass gives and that goes round the code under test: plain
files for a folder, the filesystem's own dict for memory. A subclass needs four methods::

    class TestMine(BackendSuite):
        processes = True                                   # do other processes see the objects?

        def make_backend(self) -> Backend: ...             # a new one, on the same empty place within a test
        def oracle_read(self, key: str) -> bytes | None: ...
        def oracle_write(self, key: str, data: bytes) -> None: ...
        def oracle_list(self) -> set[str]: ...             # everything that is stored, temp files too

It does not look inside a backend, and it knows nothing of digests: keys and contents are any.
"""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

import pytest

from consist.blobs import layout
from consist.blobs.backend import Range
from consist.errors import BlobNotFoundError
from consist.testing.backend_control import BackendControl

if TYPE_CHECKING:
    from consist.blobs.backend import Backend

KEY = "blobs/ab/cdef"
SIZES = (0, 1, 4096, (5 << 20) + 3)
ODD_KEYS = (
    "consist.json",
    "runs/a run with spaces",
    "runs/100%25",
    "runs/[a-z]*?",
    "runs/#fragment?query=1",
    "runs/naïve-名前",
    "runs/-rf",
    "runs/a.b.c~",
    "runs/" + "x" * 250,
    "log/2026-11-23/machine-000001",
    "a/b/c/d/e/f",
)
CONTENT = bytes(range(256)) * 8
RANGES = (
    (0, 0),
    (0, 1),
    (0, 2048),
    (0, 2049),
    (1, 1),
    (100, 300),
    (2047, 1),
    (2047, 2),
    (2048, 0),
    (2048, 1),
    (5000, 10),
    (0, 1 << 40),
)


class BackendSuite(BackendControl):
    """The contract; see the module."""

    # Publishing content-named objects ------------------------------------------------------------------------------

    def test_put_stores_exactly_the_bytes(self, backend: Backend) -> None:
        """An object holds what was put, whatever its size."""
        for size in SIZES:
            data = os.urandom(size)
            backend.put(KEY, data)
            assert self.oracle_read(KEY) == data
            assert backend.get(KEY) == data
            assert self.stored() == {KEY}

    def test_any_key_works_everywhere(self, backend: Backend) -> None:
        """A key is a name, never a pattern, an option or an escape."""
        for key in ODD_KEYS:
            backend.put(key, key.encode())
            assert self.oracle_read(key) == key.encode()
            assert backend.get(key) == key.encode()
            assert backend.get_range(key, 1, 1) == key.encode()[1:2]
            found = backend.stat(key)
            assert found is not None
            assert found.key == key
        assert {found.key for found in backend.list("")} == set(ODD_KEYS)
        for key in ODD_KEYS:
            backend.delete(key)
            assert self.oracle_read(key) is None

    def test_put_replaces(self, backend: Backend) -> None:
        """A put over damaged bytes of another size heals them."""
        self.oracle_write(KEY, b"damaged and longer")
        backend.put(KEY, b"good")
        assert self.oracle_read(KEY) == b"good"
        assert self.stored() == {KEY}

    def test_upload_publishes_all_pieces(self, backend: Backend) -> None:
        """An upload takes pieces of every kind; the caller may use its buffer again at once."""
        buffer = bytearray(100_000)
        for size in SIZES:
            data = os.urandom(size)
            with backend.upload() as upload:
                for start in range(0, size, len(buffer)):
                    piece = data[start : start + len(buffer)]
                    buffer[: len(piece)] = piece
                    upload.write(memoryview(buffer)[: len(piece)])
                    buffer[:] = bytes(len(buffer))
                upload.publish(KEY)
            assert self.oracle_read(KEY) == data
            assert self.stored() == {KEY}

    def test_upload_takes_bytes_and_bytearrays(self, backend: Backend) -> None:
        """Pieces may be bytes, bytearrays and memoryviews, and empty."""
        with backend.upload() as upload:
            for piece in (b"one ", b"", bytearray(b"two "), memoryview(b"three")):
                upload.write(piece)
            upload.publish(KEY)
        assert self.oracle_read(KEY) == b"one two three"

    def test_upload_is_invisible_before_it_is_published(self, backend: Backend) -> None:
        """No reader sees an object on its way."""
        with backend.upload() as upload:
            upload.write(b"x" * 1_000_000)
            assert backend.stat(KEY) is None
            assert list(backend.list("")) == []
            assert list(backend.list(layout.TEMP)) == []
            upload.publish(KEY)
            assert backend.get(KEY) == b"x" * 1_000_000

    def test_upload_replaces(self, backend: Backend) -> None:
        """An upload over damaged bytes heals them."""
        self.oracle_write(KEY, b"damaged")
        with backend.upload() as upload:
            upload.write(b"good")
            upload.publish(KEY)
        assert self.oracle_read(KEY) == b"good"

    def test_upload_left_without_publish_leaves_nothing(self, backend: Backend) -> None:
        """Leaving an upload discards what was written."""
        with backend.upload() as upload:
            upload.write(b"x" * 1_000_000)
        assert self.stored() == set()

    def test_upload_left_by_an_exception_leaves_nothing(self, backend: Backend) -> None:
        """The exception passes through as it is."""

        def fail() -> None:
            with backend.upload() as upload:
                upload.write(b"x" * 1_000_000)
                raise RuntimeError("stop")

        with pytest.raises(RuntimeError, match="stop"):
            fail()
        assert self.stored() == set()

    def test_uploads_do_not_mix(self, backend: Backend) -> None:
        """Several uploads may be on their way in one thread."""
        with backend.upload() as first, backend.upload() as second:
            first.write(b"1")
            second.write(b"2")
            first.write(b"1")
            second.publish("blobs/22/2")
            first.publish("blobs/11/1")
        assert self.oracle_read("blobs/11/1") == b"11"
        assert self.oracle_read("blobs/22/2") == b"2"

    # Deleting ------------------------------------------------------------------------------------------------------

    def test_delete_removes_one_object(self, backend: Backend) -> None:
        """Others stay, also those whose keys begin alike."""
        for key in (KEY, KEY + "0", "blobs/ab/other"):
            self.oracle_write(key, b"x")
        backend.delete(KEY)
        assert self.stored() == {KEY + "0", "blobs/ab/other"}

    def test_delete_of_a_free_key_is_no_error(self, backend: Backend) -> None:
        """Not in an empty place, nor twice."""
        backend.delete(KEY)
        backend.put(KEY, b"x")
        backend.delete(KEY)
        backend.delete(KEY)
        assert self.stored() == set()

    # Reading -------------------------------------------------------------------------------------------------------

    def test_free_keys(self, backend: Backend) -> None:
        """A free key is answered alike in an empty place, beside objects, and where a folder has the name."""
        for key in (KEY, "blobs/ab", "blobs", KEY + "/below"):
            with pytest.raises(BlobNotFoundError) as raised:
                backend.get(key)
            assert key in str(raised.value)
            with pytest.raises(BlobNotFoundError):
                backend.get_versioned(key)
            for length in (0, 1):
                with pytest.raises(BlobNotFoundError):
                    backend.get_range(key, 0, length)
            assert backend.stat(key) is None
            if key == KEY:
                self.oracle_write("blobs/ab/other", b"x")

    @pytest.mark.parametrize("content", [CONTENT, b"", b"x"], ids=["long", "empty", "one"])
    def test_ranges_are_slices(self, backend: Backend, content: bytes) -> None:
        """A range gives what there is of it, also past the end, of nothing, and of an empty object."""
        self.oracle_write(KEY, content)
        for start, length in RANGES:
            got = backend.get_range(KEY, start, length)
            assert type(got) is bytes
            assert (start, length, got) == (start, length, content[start : start + length])

    def test_many_at_once_are_as_one_after_the_other(self, backend: Backend) -> None:
        """Batches keep their order, and take keys twice."""
        items = [(f"blobs/{number % 3}/{number}", b"%d" % number * number) for number in range(50)]
        backend.put_many(items)
        assert {key: self.oracle_read(key) for key, _ in items} == dict(items)
        assert self.stored() == {key for key, _ in items}
        ranges = [Range(key, start, 5) for key, _ in items for start in (0, 3, 1000)]
        wanted = [data[start : start + 5] for _, data in items for start in (0, 3, 1000)]
        assert list(backend.get_ranges(ranges)) == wanted
        keys = [items[7][0], "blobs/free", items[3][0], items[7][0]]
        assert [found and found.size for found in backend.stat_many(keys)] == [7, None, 3, 7]
        assert (list(backend.get_ranges([])), list(backend.stat_many([]))) == ([], [])
        backend.put_many([])
        with pytest.raises(BlobNotFoundError) as raised:
            backend.get_ranges([ranges[0], Range("blobs/free", 0, 1), ranges[1]])
        assert "blobs/free" in str(raised.value)

    def test_put_many_heals(self, backend: Backend) -> None:
        """A batch replaces what is there, as a put does."""
        self.oracle_write(KEY, b"damaged and longer")
        backend.put_many([("blobs/ab/other", b"x"), (KEY, b"good")])
        assert self.oracle_read(KEY) == b"good"

    def test_stat_gives_size_and_date(self, backend: Backend) -> None:
        """Dates are seconds by one clock: a later object is not older, nor is one from another decade."""
        backend.put("blobs/00/first", b"12345")
        backend.put("blobs/00/second", b"")
        first, second = backend.stat("blobs/00/first"), backend.stat("blobs/00/second")
        assert first is not None
        assert second is not None
        assert (first.size, second.size) == (5, 0)
        assert first.modified <= second.modified
        assert abs(first.modified - time.time()) < 86_400

    def test_list_yields_the_objects_of_a_folder(self, backend: Backend) -> None:
        """A prefix is a folder, not the beginning of a name."""
        sizes = {"blobs/ab/1": 1, "blobs/ab/2": 2, "blobs/abc/3": 3, "blobs2/ab/4": 4, "blobs/ab/d/5": 5, "top": 6}
        for key, size in sizes.items():
            self.oracle_write(key, bytes(size))
        for prefix in ("blobs", "blobs/ab", "blobs/abc", "blobs2", "blobs/a", "nothing", "top", ""):
            wanted = {key: size for key, size in sizes.items() if not prefix or key.startswith(prefix + "/")}
            found = list(backend.list(prefix))
            assert {item.key: item.size for item in found} == wanted
            assert len(found) == len(wanted)
        assert all(item == backend.stat(item.key) for item in backend.list(""))

    def test_list_passes_over_what_is_no_object(self, backend: Backend) -> None:
        """What the backend itself leaves, here or where the store was copied from, and hidden files."""
        backend.put("blobs/ab/1", b"x")
        for key in ("tmp/on-its-way", "tmp-staged", "lock", ".hidden/file", "blobs/ab/.DS_Store"):
            self.oracle_write(key, b"")
        for prefix in ("", "blobs", "blobs/ab"):
            assert [found.key for found in backend.list(prefix)] == ["blobs/ab/1"]

    def test_list_of_many(self, backend: Backend) -> None:
        """A long listing is whole, and in order if that is said; object stores list a thousand at a time."""
        keys = {f"blobs/{number % 7:02}/{number}" for number in range(1_100)}
        self.oracle_write_many([(key, b"") for key in keys])
        found = [found.key for found in backend.list("blobs")]
        assert set(found) == keys
        if getattr(getattr(backend, "inner", backend), "lists_in_order", False):
            assert found == sorted(keys)

    def test_list_while_objects_go(self, backend: Backend) -> None:
        """Objects that go meanwhile are no error."""
        self.oracle_write_many([(f"blobs/{number % 4}/{number}", b"x") for number in range(40)])
        seen = 0
        for found in backend.list("blobs"):
            seen += 1
            backend.delete(found.key)
            backend.delete("blobs/3/39")
        assert seen >= 39
        assert self.stored() == set()

    def test_list_of_nothing(self, backend: Backend) -> None:
        """A place that does not exist yet holds nothing."""
        assert list(backend.list("")) == []
        assert list(backend.list("blobs")) == []

    # The rest ------------------------------------------------------------------------------------------------------

    def test_using_it_for_reading_makes_nothing(self, backend: Backend) -> None:
        """Looking leaves no trace."""
        backend.stat(KEY)
        list(backend.list("blobs"))
        backend.sweep(0)
        backend.delete(KEY)
        assert self.oracle_list() == set()

    def test_others_see_at_once(self, backend: Backend) -> None:
        """Once a call returned, every other backend of the place sees its effect."""
        other = self.make_backend()
        assert other.stat(KEY) is None
        assert list(other.list("")) == []
        backend.put(KEY, b"x")
        assert other.get(KEY) == b"x"
        assert [found.key for found in other.list("blobs")] == [KEY]
        backend.delete(KEY)
        assert other.stat(KEY) is None
        assert list(other.list("")) == []

    def test_path_of(self, backend: Backend) -> None:
        """Objects are local files exactly where the capabilities say so."""
        backend.put(KEY, b"content")
        path = backend.path_of(KEY)
        assert (path is not None) == backend.capabilities.files
        if path is not None:
            with open(path, "rb") as stream:  # noqa: PTH123 - a path as the port gives it
                assert stream.read() == b"content"

    def test_url_is_for_people(self, backend: Backend) -> None:
        """The place has one name, the same for all its backends."""
        assert backend.url
        assert backend.url == self.make_backend().url

    def test_sweep_leaves_objects_and_live_uploads(self, backend: Backend) -> None:
        """Nothing that is published goes, and nothing that is younger than asked."""
        backend.put(KEY, b"x")
        with backend.upload() as upload:
            upload.write(b"live")
            assert backend.sweep(3_600) == 0
            upload.publish("blobs/00/live")
        assert backend.sweep(0) == 0
        assert self.stored() == {KEY, "blobs/00/live"}
