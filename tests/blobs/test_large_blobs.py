"""Large blobs in a store: read, copied, verified, looked up, damaged, healed; two manifests of one blob; memory."""

import io
import math
import os
import random
import tracemalloc

import blake3
import pytest

from consist.blobs import reader
from consist.blobs.blobstore import BlobStore
from consist.blobs.chunktable import MemoryTable
from consist.errors import BlobNotFoundError, ChangedError, DamagedError, FormatError
from consist.hashing.digest import Digest
from consist.testing import FaultyBackend
from consist.testing.passing import PassingBackend

pytestmark = pytest.mark.usefixtures("no_thread_left")

MIB = 1 << 20


def digest_of(data):
    return Digest(blake3.blake3(data).digest())


def noise(seed, size=60_000):
    return random.Random(seed).randbytes(size)  # noqa: S311 - any bytes that do not compress


def flip(position, bit=1):
    return lambda data: data[:position] + bytes([data[position] ^ bit]) + data[position + 1 :]


def read_whole(blobs, digest, _path):
    return blobs.read(digest)


def read_large_first(blobs, digest, _path):
    return blobs.read(digest, size=60_000)


def read_file(blobs, digest, _path):
    with blobs.open(digest) as stream:
        return stream.read()


def read_pieces(blobs, digest, _path):
    with blobs.open(digest) as stream:
        return b"".join(iter(lambda: stream.read(1_000), b""))


def copy(blobs, digest, _path):
    pieces = []
    size = blobs.copy(digest, lambda piece: pieces.append(bytes(piece)))
    assert size == sum(map(len, pieces))
    return b"".join(pieces)


def get(blobs, digest, path):
    path.unlink(missing_ok=True)
    try:
        blobs.get(digest, path)
    except Exception:
        assert not path.exists()
        assert [*path.parent.glob(".consist*")] == []
        raise
    return path.read_bytes()


def verify(blobs, digest, path):
    assert blobs.verify(digest) == 60_000
    return read_whole(blobs, digest, path)


READS = (read_whole, read_large_first, read_file, read_pieces, copy, get, verify)


@pytest.mark.parametrize("read", READS)
def test_every_way_of_reading_gives_the_bytes(place, small, tmp_path, read):
    data = noise(1)
    digest = small.store(place.backend).put_bytes(data).digest
    assert read(small.store(place.backend), digest, tmp_path / "file") == data


# Damage and healing ------------------------------------------------------------------------------------------------


def harmed(place, small, harm, data):
    """Put a blob and harm an object of it; return its digest."""
    digest = small.store(place.backend).put_bytes(data).digest
    area, change = HARMS[harm]
    key = place.keys(area)[0]
    place.overwrite(key, change(place.object(key)))
    return digest


HARMS = {
    "a bit of a pack": ("packs", flip(1_000)),
    "a pack cut short": ("packs", lambda data: data[:1_000]),
    "a pack emptied": ("packs", lambda _data: b""),
    "a pack gone": ("packs", lambda _data: None),
    "a bit of the manifest": ("manifests", flip(200)),
    "the manifest cut short": ("manifests", lambda data: data[:-1]),
    "the manifest emptied": ("manifests", lambda _data: b""),
    "the manifest gone": ("manifests", lambda _data: None),
}


@pytest.mark.parametrize("read", READS)
@pytest.mark.parametrize("harm", HARMS)
def test_damage_is_raised_and_the_next_put_heals_it(place, small, tmp_path, read, harm):
    data = noise(2)
    digest = harmed(place, small, harm, data)
    blobs = small.store(place.backend)
    with pytest.raises((DamagedError, BlobNotFoundError), match=digest.short):
        read(blobs, digest, tmp_path / "file")
    blobs.put_bytes(data)
    assert place.read(digest) == data
    assert read(blobs, digest, tmp_path / "file") == data
    assert blobs.suspects == set()


@pytest.mark.parametrize("harm", [harm for harm in HARMS if "bit of a pack" not in harm])
def test_what_a_look_shows_is_healed_without_a_reader(place, small, harm):
    """Sizes are compared by every put; a bit is noticed by whoever reads."""
    data = noise(2)
    digest = harmed(place, small, harm, data)
    table = MemoryTable()
    small.store(place.backend, table=table).put_bytes(data)
    assert place.read(digest) == data


def test_a_flipped_bit_that_nobody_read_stays_until_somebody_does(place, small):
    data, table = noise(2), MemoryTable()
    blobs = small.store(place.backend, table=table)
    digest = blobs.put_bytes(data).digest
    place.harm(place.keys("packs")[1], flip(77))
    blobs.put_bytes(data)
    with pytest.raises(DamagedError):
        blobs.verify(digest)
    blobs.put_bytes(data)
    assert place.read(digest) == data


def test_another_blob_in_the_same_damaged_pack_is_healed_by_its_own_put(place, small, page):
    """Whoever read the one blob knows of the pack; so the other's manifest is no good, though nobody read that blob."""
    base = noise(3)
    one, other = noise(4, 5_000) + base, base[2_000:]
    blobs = small.store(place.backend)
    blobs.put_bytes(one)
    digest = blobs.put_bytes(other).digest
    pack = place.manifest(digest_of(one))[1][0]
    assert pack in place.manifest(digest)[1], "they share the first one, and only a part of it is the other's"
    place.harm(page.key_of("packs", pack[0]), flip(pack[1] // 2))
    with pytest.raises(DamagedError):
        blobs.verify(digest_of(one))
    blobs.put_bytes(other)
    assert place.read(digest) == other
    blobs.put_bytes(one)
    assert place.read(digest_of(one)) == one
    assert blobs.suspects <= {Digest(pack[0])}, "which nothing uses any more"


def test_what_is_right_again_is_acquitted_by_verify(place, small):
    data = noise(6)
    blobs = small.store(place.backend)
    digest = blobs.put_bytes(data).digest
    key = place.keys("packs")[0]
    good = place.object(key)
    place.harm(key, flip(9))
    with pytest.raises(DamagedError):
        blobs.verify(digest)
    assert digest in blobs.suspects
    place.overwrite(key, good)
    blobs.verify(digest)
    assert digest not in blobs.suspects


def test_a_manifest_of_right_chunks_that_are_not_the_blob_is_no_blob(place, small, page):
    """A framed manifest that vouches for itself, of chunks that are what they say, under the name of another blob."""
    from consist.blobs.manifest import Manifest, encode_manifest

    blobs = small.store(place.backend)
    real = blobs.large.manifest(blobs.put_bytes(noise(7)).digest)
    name = digest_of(b"another content")
    forged = Manifest(name, real.size, real.packs, real.chunks, real.starts)
    place.backend.create(forged.key, encode_manifest(forged))
    for check in (blobs.verify, lambda digest: blobs.copy(digest, len), blobs.read):
        with pytest.raises(DamagedError, match=name.short):
            check(name)


# Whole objects beside manifests ------------------------------------------------------------------------------------


@pytest.mark.parametrize("read", READS)
def test_a_whole_object_of_any_size_is_a_blob(place, small, tmp_path, read):
    data = noise(8)
    place.write(digest_of(data), data)
    assert read(small.store(place.backend), digest_of(data), tmp_path / "file") == data


@pytest.mark.parametrize("read", READS)
def test_either_will_do_if_both_are_there(place, small, tmp_path, read):
    data = noise(8)
    blobs = small.store(place.backend)
    digest = blobs.put_bytes(data).digest
    place.write(digest, data)
    assert read(blobs, digest, tmp_path / "file") == data
    assert [found.size for _, found in blobs.list()] == [60_000]
    blobs.delete(digest)
    assert blobs.stat(digest) is None


def test_a_whole_object_that_goes_while_it_is_copied_does_not_begin_again_as_chunks(
    place, small, tmp_path, monkeypatch
):
    """What was written already would stand before it."""
    monkeypatch.setattr(reader, "PIECE", MIB)
    data = noise(9, 3 * MIB)
    digest = small.store(place.backend).put_bytes(data).digest
    place.write(digest, data)
    key = place.keys("blobs")[0]

    class Going(FaultyBackend):
        def get_ranges(self, ranges):
            place.overwrite(key, None)
            return super().get_ranges(ranges)

    blobs = small.store(Going(place.backend, []))
    with pytest.raises(BlobNotFoundError, match=key):
        blobs.get(digest, tmp_path / "file")
    assert [*tmp_path.glob("file")] == []
    blobs.get(digest, tmp_path / "file")
    assert (tmp_path / "file").read_bytes() == data


# Looking -----------------------------------------------------------------------------------------------------------


def test_a_blob_is_there_if_all_its_packs_are(place, small):
    data = noise(10)
    blobs = small.store(place.backend)
    digest = blobs.put_bytes(data).digest
    for _ in range(2):  # the second look remembers the manifest
        assert blobs.stat(digest).size == blobs.stat(digest, size=60_000).size == 60_000
        assert blobs.stat(digest) is not None
    for key in place.keys("packs"):
        good = place.object(key)
        for change in (lambda _good: None, lambda good: good[:-1], lambda good: good + b"x", lambda _good: b""):
            place.overwrite(key, change(good))
            assert blobs.stat(digest) is None
            assert blobs.stat(digest) is None
            assert small.store(place.backend).stat(digest) is None
        place.overwrite(key, good)
        assert blobs.stat(digest) is not None
    place.overwrite(place.keys("manifests")[0], None)
    assert blobs.stat(digest) is None


def test_a_look_at_a_known_blob_costs_no_read(place, small):
    backend = FaultyBackend(place.backend, [])
    blobs = small.store(backend)
    digest = blobs.put_bytes(noise(10)).digest
    blobs.stat(digest, size=60_000)
    before = len(backend.calls)
    blobs.stat(digest, size=60_000)
    assert [call.operation for call in backend.calls[before:]] == ["stat", "stat_many"]


class Dateless(PassingBackend):
    """A place that does not tell when an object was written."""

    def stat(self, key):
        found = super().stat(key)
        return found and found._replace(modified=math.inf)


def test_a_look_sees_that_this_process_replaced_a_manifest(place, small):
    """The new one has the size of the old one, and no date tells them apart."""
    longer = noise(11)
    data = longer[next(iter(small.chunks(longer).values())) :]
    blobs = small.store(Dateless(place.backend))
    digest = blobs.put_bytes(data).digest
    assert blobs.stat(digest) is not None
    size = len(place.object(place.keys("manifests")[0]))
    for key in place.keys("packs"):
        place.overwrite(key, None)
    small.store(place.backend).put_bytes(longer)  # brings the chunks back, in other packs
    blobs.put_bytes(data, like=lambda: digest_of(longer))
    assert place.read(digest) == data
    assert len(place.object(f"manifests/{digest.hex[:2]}/{digest.hex[2:]}")) == size
    assert blobs.stat(digest) is not None


def test_a_damaged_manifest_is_no_blob_to_a_look(place, small):
    blobs = small.store(place.backend)
    digest = blobs.put_bytes(noise(13)).digest
    place.harm(place.keys("manifests")[0], flip(100))
    assert blobs.stat(digest) is None
    assert [*blobs.list()] == []


def test_a_newer_manifest_is_refused_and_left_alone(place, small):
    from consist.hashing.codec import pack
    from consist.hashing.frame import Kind, encode_frame

    data = noise(13)
    digest = digest_of(data)
    blobs = small.store(place.backend)
    newer = encode_frame(Kind.MANIFEST, digest.raw, pack([1, "of", "tomorrow"]))
    key = f"manifests/{digest.hex[:2]}/{digest.hex[2:]}"
    place.backend.create(key, newer)
    for call in (blobs.read, blobs.open, blobs.verify, lambda _digest: blobs.put_bytes(data)):
        with pytest.raises(FormatError, match="upgrade"):
            call(digest)
    assert blobs.stat(digest) is None
    assert place.object(key) == newer
    assert blobs.suspects == set()


def test_list_knows_both_kinds(place, small):
    blobs = small.store(place.backend)
    contents = [noise(number, 500 if number % 2 else 5_000) for number in range(40)]
    digests = sorted(blobs.put_bytes(content).digest for content in contents)
    assert sorted((digest, found.size) for digest, found in blobs.list()) == sorted(
        (digest_of(content), len(content)) for content in contents
    )
    for digest in digests:
        assert [found for found, _ in blobs.list(digest.hex[:12])] == [digest]
    for prefix in {digest.hex[:length] for digest in digests for length in (1, 2, 3)}:
        wanted = [digest for digest in digests if digest.hex.startswith(prefix)]
        assert sorted(digest for digest, _ in blobs.list(prefix)) == wanted


def test_strangers_among_the_manifests_are_passed_over(place, small):
    blobs = small.store(place.backend)
    digest = blobs.put_bytes(noise(14)).digest
    for key in ("manifests/README", "manifests/ab/short", "manifests/ab/" + "0" * 62, "packs/README"):
        place.backend.put(key, b"stranger")
    assert [found for found, _ in blobs.list()] == [digest]


# Two manifests of one blob -----------------------------------------------------------------------------------------


def test_the_first_manifest_stays_while_it_serves(place, small):
    data = b"".join(b"%d,row\n" % number for number in range(10_000))
    digest = small.store(place.backend).put_bytes(data).digest
    first = place.object(place.keys("manifests")[0])
    small.store(place.backend, compression="auto").put_bytes(data)
    assert place.object(place.keys("manifests")[0]) == first
    assert place.read(digest) == data


def test_a_manifest_of_another_chunk_list_is_replaced(place, small):
    data = noise(15)
    other = small.store(place.backend, chunking=type(small.chunking)(min=128, average=512, max=1024))
    one = other.put_bytes(data)
    two = small.store(place.backend).put_bytes(data)
    assert one.digest == two.digest
    assert one.chunks != two.chunks
    assert len(place.manifest(two.digest)[2]) == len(small.chunks(data))
    assert place.read(two.digest) == data


def test_packs_that_go_while_a_blob_is_put_that_shares_them(place, small):
    """Bytes and files are read once more; a stream cannot be, and says so."""
    data, table = noise(16), MemoryTable()

    class Going(FaultyBackend):
        """The packs that are there go when the first new one comes."""

        def publish(self, upload, key, size):
            while old:
                place.overwrite(old.pop(), None)
            super().publish(upload, key, size)

    def prepare():
        small.store(place.backend, table=table).put_bytes(data)
        old[:] = place.keys("packs")

    old = []
    blobs = small.store(Going(place.backend, []), table=table)
    prepare()
    with pytest.raises(ChangedError, match="put it again"):
        blobs.put_stream(io.BytesIO(data + noise(17, 20_000)))
    for put in (blobs.put_bytes, lambda new: put_file(blobs, place, new)):
        prepare()
        new = data + noise(len(table._entries), 20_000)
        assert place.read(put(new).digest) == new


def put_file(blobs, place, data):
    import tempfile

    with tempfile.NamedTemporaryFile() as file:
        file.write(data)
        file.flush()
        return blobs.put_file(file.name)


# Limits ------------------------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["zeros", "noise"])
def test_memory_stays_bounded(folder, tmp_path, kind):
    """At the real sizes: eight windows, the packs' buffers and what a compressor takes, whatever the content's size."""
    blobs, size = BlobStore(folder.backend), 96 * MIB
    with (tmp_path / "source").open("wb") as stream:
        for _ in range(size // MIB):
            stream.write(os.urandom(MIB) if kind == "noise" else bytes(MIB))
    blobs.put_bytes(bytes(2 * MIB))  # imports and threads are not what is measured
    tracemalloc.start()
    try:
        digest = blobs.put_file(tmp_path / "source").digest
        blobs.verify(digest)
        blobs.get(digest, tmp_path / "target")
        read_on(blobs, digest)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert (tmp_path / "target").stat().st_size == size
    assert peak < 48 * MIB


def read_on(blobs, digest):
    with blobs.open(digest) as stream:
        while stream.read(MIB):
            pass
