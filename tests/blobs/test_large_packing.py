"""What large content becomes: packs and a manifest that the format page can read, each chunk written once."""

import io
import os
import random

import blake3
import pytest
from fsspec.implementations.memory import MemoryFileSystem
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from consist.blobs import large
from consist.blobs.chunktable import MemoryTable
from consist.blobs.opening import open_backend
from consist.errors import SettingsError
from consist.hashing.digest import Digest
from consist.testing import FaultyBackend
from consist.testing.together import in_processes, in_threads
from tests.packpage import body_size

pytestmark = pytest.mark.usefixtures("no_thread_left")

KIB = 1 << 10


def digest_of(data):
    return Digest(blake3.blake3(data).digest())


def noise(seed, size):
    return random.Random(seed).randbytes(size)  # noqa: S311 - any bytes that do not compress


def sent(backend):
    """Bytes that were published through a backend as packs."""
    return sum(call.sent for call in backend.calls if call.operation == "upload.publish")


# One content -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [2 * KIB, 2 * KIB + 1, 8 * KIB, 8 * KIB + 1, 16 * KIB, 100_000, 200_001])
def test_content_of_any_size_is_put_together_again(place, small, size):
    data = noise(size, size)
    put = small.store(place.backend).put_bytes(data)
    assert (put.digest, put.size) == (digest_of(data), size)
    assert place.read(put.digest) == data
    assert body_size(place.packs()) == sum(small.chunks(data).values()) == size


def test_content_just_below_is_one_object(place, small):
    data = noise(1, small.large - 1)
    small.store(place.backend).put_bytes(data)
    assert place.stored() == [data]


def test_packs_are_full_but_the_last(place, small):
    data = noise(2, 100_000)
    put = small.store(place.backend).put_bytes(data)
    _, packs, chunks = place.manifest(put.digest)
    assert len(packs) == len(place.packs()) > 4
    bodies = [sum(chunk[4] for chunk in chunks if chunk[2] == number) for number in range(len(packs))]
    assert all(small.pack <= body < small.pack + small.chunk for body in bodies[:-1])
    assert 0 < bodies[-1] < small.pack + small.chunk


def test_zeros_are_one_chunk_and_what_is_left(place, small):
    data = bytes(300_000)
    put = small.store(place.backend).put_bytes(data)
    assert place.read(put.digest) == data
    assert body_size(place.packs()) == sum(small.chunks(data).values()) <= 2 * small.chunk


@pytest.mark.parametrize("compression", ["auto", "none"])
@pytest.mark.parametrize(
    "data", [bytes(50_000), b"".join(b"%d,row\n" % n for n in range(9000)), noise(3, 50_000)], ids=["0", "rows", "?"]
)
def test_compression_changes_what_is_stored_and_nothing_else(place, small, compression, data):
    put = small.store(place.backend, compression=compression).put_bytes(data)
    other = small.store(open_backend(f"memory://plain/{os.urandom(8).hex()}"), compression="none").put_bytes(data)
    assert put == other
    assert place.read(put.digest) == data
    encodings = {chunk[1] for chunk in place.manifest(put.digest)[2]}
    assert encodings == ({1} if compression == "auto" and data != noise(3, 50_000) else {0})


def test_another_compression_is_refused(place, small):
    with pytest.raises(SettingsError, match="zip"):
        small.store(place.backend, compression="zip")


@pytest.mark.parametrize("repeats", [2, 7])
@pytest.mark.parametrize("size", [3 * KIB, 15 * KIB, 17 * KIB, 40 * KIB])
def test_what_repeats_within_a_content_is_stored_once(place, small, size, repeats):
    data = noise(size, size) * repeats
    put = small.store(place.backend).put_bytes(data)
    assert place.read(put.digest) == data
    assert body_size(place.packs()) == sum(small.chunks(data).values())


def test_a_chunk_that_comes_again_when_its_pack_was_sealed_within_the_window(place, small):
    piece = noise(8, 3 * KIB)
    for between in range(28 * KIB, 40 * KIB, KIB):
        data = piece + noise(between, between) + piece
        put = small.store(place.backend).put_bytes(data)
        assert place.read(put.digest) == data


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    blocks=st.lists(st.tuples(st.integers(0, 5), st.integers(100, 20_000)), min_size=1, max_size=12),
    seed=st.integers(0, 3),
)
def test_any_mixture_of_blocks_is_stored_once_and_put_together(small, page, blocks, seed):
    data = noise(9, small.large) + b"".join(noise(seed + block, size) for block, size in blocks)
    root = f"/mixture/{os.urandom(8).hex()}"
    small.store(open_backend(f"memory:/{root}")).put_stream(io.BytesIO(data))
    stored = {
        path.removeprefix(root + "/"): file.getvalue()
        for path, file in MemoryFileSystem.store.items()
        if path.startswith(root)
    }
    for key in stored:
        del MemoryFileSystem.store[f"{root}/{key}"]
    assert page.reassemble(stored.__getitem__, blake3.blake3(data).digest()) == data
    bodies = [
        len(pack) - 8 - int.from_bytes(pack[-8:-4], "big") for key, pack in stored.items() if key.startswith("packs")
    ]
    assert sum(bodies) == sum(small.chunks(data).values())


# Streams and windows -----------------------------------------------------------------------------------------------


class Dribble(io.RawIOBase):
    """Gives a few bytes at a time, never as many as asked for."""

    def __init__(self, data, chance):
        self.data, self.chance, self.at = data, chance, 0

    def readable(self):
        return True

    def readinto(self, buffer):
        piece = self.data[self.at : self.at + min(len(buffer), self.chance.randint(1, 3000))]
        buffer[: len(piece)] = piece
        self.at += len(piece)
        return len(piece)


@pytest.mark.parametrize("more", [-1, 0, 1])
@pytest.mark.parametrize("windows", [1, 2, 5])
def test_a_stream_that_dribbles_is_cut_as_the_whole_would_be(place, small, windows, more):
    data = noise(windows, windows * small.window + more)
    blobs = small.store(place.backend)
    dribbled = blobs.put_stream(Dribble(data, random.Random(7)))  # noqa: S311
    assert place.read(dribbled.digest) == data
    assert [chunk[0] for chunk in place.manifest(dribbled.digest)[2]] == [*small.chunks(data)]
    assert small.store(place.backend).put_bytes(data) == dribbled


@pytest.mark.parametrize("more", [-1, 0, 1])
def test_windows_that_end_exactly_at_a_chunk(place, small, monkeypatch, more):
    data = noise(11, 60_000)
    ends, end = [], 0
    for size in small.chunks(data).values():
        end += size
        ends.append(end)
    window = next(end for end in ends if end > 3 * KIB)
    monkeypatch.setattr(large, "WINDOW", window + more)
    for content in (data, data[:window], data[: ends[30]]):
        put = small.store(place.backend).put_stream(io.BytesIO(content))
        assert place.read(put.digest) == content
        assert [chunk[0] for chunk in place.manifest(put.digest)[2]] == [*small.chunks(content)]


# Again, and others like it -----------------------------------------------------------------------------------------


def test_a_second_put_sends_no_pack(place, small):
    backend = FaultyBackend(place.backend, [])
    blobs, data = small.store(backend), noise(4, 100_000)
    first = blobs.put_bytes(data)
    before, stored = sent(backend), place.stored()
    assert before > 100_000
    assert blobs.put_bytes(data) == first
    assert sent(backend) == before
    assert place.stored() == stored


def edited(data):
    return data[:50_000] + b"inserted" + data[50_000:]


def test_a_version_costs_what_is_new_in_it(place, small):
    data = noise(5, 100_000)
    blobs = small.store(place.backend)
    blobs.put_bytes(data)
    put = blobs.put_bytes(edited(data))
    assert place.read(put.digest) == edited(data)
    assert body_size(place.packs()) == sum(small.chunks(data, edited(data)).values()) < 105_000


def test_another_machine_shares_with_a_blob_that_it_is_told_of(place, small):
    data = noise(6, 100_000)
    first = small.store(place.backend).put_bytes(data).digest
    put = small.store(place.backend).put_bytes(edited(data), like=lambda: first)
    assert place.read(put.digest) == edited(data)
    assert body_size(place.packs()) == sum(small.chunks(data, edited(data)).values())


def test_what_to_share_with_is_asked_for_large_content_only(place, small):
    asked = []
    blobs = small.store(place.backend)
    blobs.put_bytes(b"small", like=lambda: asked.append("small"))
    assert asked == []
    put = blobs.put_bytes(noise(6, 50_000), like=lambda: asked.append("large"))
    assert asked == ["large"]
    assert place.read(put.digest) == noise(6, 50_000)


def test_a_machine_that_is_told_nothing_writes_all_and_harms_nothing(place, small):
    data = noise(6, 100_000)
    first = small.store(place.backend).put_bytes(data).digest
    put = small.store(place.backend).put_bytes(edited(data))
    assert place.read(first) == data
    assert place.read(put.digest) == edited(data)
    assert body_size(place.packs()) > sum(small.chunks(data, edited(data)).values())


@pytest.mark.parametrize("like", ["absent", "small", "damaged", "of another time"])
def test_a_blob_that_is_of_no_help_does_no_harm(place, small, like):
    blobs, data = small.store(place.backend), noise(7, 50_000)
    other = blobs.put_bytes(b"small" if like == "small" else noise(8, 50_000)).digest
    if like == "damaged":
        place.harm(place.keys("manifests")[0], lambda framed: framed[:-1])
    if like == "absent":
        other = digest_of(b"absent")
    put = small.store(place.backend).put_bytes(data, like=lambda: other)
    assert place.read(put.digest) == data


def test_a_lost_table_costs_a_write_and_no_room(place, small):
    data = noise(9, 60_000)
    small.store(place.backend).put_bytes(data)
    stored = place.stored()
    small.store(place.backend, table=MemoryTable()).put_bytes(data)
    assert place.stored() == stored


@pytest.mark.parametrize("harm", ["gone", "cut short", "suspect"])
def test_a_hint_that_names_a_bad_pack_is_not_followed(place, small, page, harm):
    data, table, suspects = noise(10, 60_000), MemoryTable(), set()
    blobs = small.store(place.backend, table=table, suspects=suspects)
    first = blobs.put_bytes(data)
    bad = place.manifest(first.digest)[1][1][0]
    key = page.key_of("packs", bad)
    if harm == "suspect":
        suspects.add(Digest(bad))
        place.harm(key, lambda pack: b"?" + pack[1:])
    else:
        place.overwrite(key, None if harm == "gone" else place.object(key)[:-1])
    new = small.store(place.backend, table=table, suspects=suspects).put_bytes(edited(data))
    assert place.read(new.digest) == edited(data)
    assert Digest(bad) not in suspects, "the chunks before the edit made the same pack again"


def test_a_hint_is_confirmed_once_for_each_pack(place, small):
    data, table = noise(10, 60_000), MemoryTable()
    small.store(place.backend, table=table).put_bytes(data)
    backend = FaultyBackend(place.backend, [])
    small.store(backend, table=table).put_bytes(edited(data))
    asked = [key for call in backend.calls if call.operation == "stat_many" for key in call.keys]
    packs = [key for key in place.packs() if key in asked]
    assert len(packs) >= 4
    assert sorted(asked) == sorted(packs * 2), "each once when it is first used, and once before the manifest"


# Several writers ---------------------------------------------------------------------------------------------------


def check_after_writers(folder, contents):
    for data in contents:
        assert folder.read(digest_of(data)) == data
    assert folder.keys("tmp") == []
    assert len(folder.keys("manifests")) == len(contents)


def test_processes_that_put_one_blob_agree(folder, small):
    data = noise(15, 150_000)
    calls = [lambda: small.store(folder.backend).put_bytes(data)] * 4
    assert len(set(in_processes(calls))) == 1
    check_after_writers(folder, [data])
    assert body_size(folder.packs()) == len(data)


def test_processes_that_put_blobs_which_share_chunks_do_each_other_no_harm(folder, small):
    base = noise(16, 80_000)
    first = small.store(folder.backend).put_bytes(base).digest
    contents = [base[:cut] + noise(cut, 5_000) + base[cut:] for cut in (0, 10_000, 40_000, 79_000)]

    def put(data):
        return small.store(folder.backend).put_bytes(data, like=lambda: first)

    in_processes([lambda data=data: put(data) for data in contents * 2])
    check_after_writers(folder, [base, *contents])
    assert body_size(folder.packs()) < len(base) + 2 * 4 * (5_000 + 4 * small.chunk)


def test_processes_that_compress_differently_agree_on_one_manifest(folder, small):
    data = b"".join(b"%d,%d\n" % (number, number * number) for number in range(10_000))
    calls = [
        lambda how=how: small.store(folder.backend, compression=how).put_bytes(data) for how in ("auto", "none") * 2
    ]
    assert len(set(in_processes(calls))) == 1
    check_after_writers(folder, [data])


def test_threads_share_one_store(place, small):
    base = noise(17, 60_000)
    contents = [noise(number, 3_000) + base for number in range(4)]
    blobs = small.store(place.backend)
    in_threads([lambda data=data: blobs.put_bytes(data) for data in contents * 2])
    for data in contents:
        assert place.read(digest_of(data)) == data
