"""Every fault at every operation of putting and reading: right bytes or a clear error, and all is well afterwards.

Each test takes one thing to do and one effect. It does it once without a fault to learn its operations, then once for
each of them, on a new place, with the fault there. What must hold every time:

- it gives the right bytes, or raises an error of our own tree;
- what it leaves under final names is right: blobs and packs are what they are called, manifests put a blob together.
  A torn write, which a place must not do, may leave the torn object, and that is never read as good;
- no thread of it lives on;
- when the fault is over, doing it again succeeds, and everything that was put can be read by the format page.

The effects that differ most are tried at every operation, the others at the first and the last of each name and at one
between, which the seed of the test run chooses; with ``CONSIST_TESTS_EVERY_FAULT=1`` all are tried everywhere.
"""

import collections
import io
import os
import random

import blake3
import msgpack
import pytest

from consist.blobs import blobsource, blobstore, large, packing
from consist.blobs.treeget import restore_tree
from consist.blobs.treeput import put_tree
from consist.blobs.wrappers import retrying
from consist.errors import BlobNotFoundError, ConsistError, DamagedError, NotFoundError, StorageError
from consist.hashing.digest import Digest
from consist.testing import Fault, FaultyBackend
from consist.testing.faultplan import CUT, DELAY, ERROR, FLIPPED, LOST, STALE, SUFFERS, TORN, forbidden, full, storm
from tests.packpage import check_pack

KIB = 1 << 10


def noise(seed, size):
    return random.Random(seed).randbytes(size)  # noqa: S311 - any bytes that do not compress


SMALL = b"small content"
OTHERS = [b"one", b"two", b"three"]
BASE = noise(1, 7 * KIB)
"""About 22 chunks in four packs, as the fixture `tiny` has it."""
VERSION = BASE[: 3 * KIB] + b"inserted" + BASE[3 * KIB :] + noise(2, 2 * KIB)
FILES = {"a": SMALL, "sub/large": BASE}
TREE = msgpack.packb([0, [[path, len(data), False, blake3.blake3(data).digest()] for path, data in FILES.items()]])
"""A folder with both, by the format page."""
CONTENTS = {Digest(blake3.blake3(data).digest()): data for data in (SMALL, *OTHERS, BASE, VERSION, TREE)}
NAMES = {data: digest for digest, data in CONTENTS.items()}


@pytest.fixture
def tiny(small, monkeypatch):
    for module in (blobsource, blobstore):
        monkeypatch.setattr(module, "LARGE", KIB)
    monkeypatch.setattr(packing, "PACK_SIZE", 2 * KIB)
    monkeypatch.setattr(large, "WINDOW", 2 * KIB)
    return small


class Outcome:
    """What a call gave, if it raised nothing."""

    def __init__(self, call):
        self.value, self.error = None, None
        try:
            self.value = call()
        except ConsistError as error:  # whatever else comes out fails the test
            self.error = error


# What is done: each with what is there before, and what it must give ------------------------------------------------


class Deed:
    """Something done to a store."""

    def __init__(self, before, do, wanted, *, reads=False):
        self.before, self.do, self.wanted, self.reads = before, do, wanted, reads


def pieces(blobs, digest, _path):
    with blobs.open(digest) as stream:
        return b"".join(iter(lambda: stream.read(700), b""))


def jumps(blobs, digest, _path):
    """Read backwards, a part at a time."""
    parts = []
    with blobs.open(digest) as stream:
        for start in reversed(range(0, len(CONTENTS[digest]), 500)):
            stream.seek(start)
            parts.append(stream.read(500))
    return b"".join(reversed(parts))


PARTS = [slice(-100, None), slice(50), slice(3000, 3600)]
"""Of the large content the last chunk, the first, and some in the middle."""


def put_folder(blobs, path):
    for name, data in FILES.items():
        file = path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)
    return put_tree(blobs, str(path)).digest


def restore(blobs, path):
    try:
        restore_tree(blobs, NAMES[TREE], str(path))
    except ConsistError:
        assert not path.exists()
        raise
    finally:
        assert [*path.parent.glob(".consist*")] == []
    return {str(file.relative_to(path)): file.read_bytes() for file in path.rglob("*") if file.is_file()}


def get(blobs, digest, path):
    try:
        blobs.get(digest, path)
    except ConsistError:
        assert not path.exists()
        raise
    finally:
        assert [*path.parent.glob(".consist*")] == []
    return path.read_bytes()


READERS = {
    "read": lambda blobs, digest, _path: blobs.read(digest),
    "read by size": lambda blobs, digest, _path: blobs.read(digest, size=len(CONTENTS[digest])),
    "read parts": lambda blobs, digest, _path: blobs.read_parts(digest, PARTS),
    "pieces": pieces,
    "jumps": jumps,
    "get": get,
    "verify": lambda blobs, digest, _path: blobs.verify(digest),
    "stat": lambda blobs, digest, _path: getattr(blobs.stat(digest), "size", None),
    "list": lambda blobs, _digest, _path: {digest: found.size for digest, found in blobs.list()},
}


def wanted_of(reader, data):
    if reader == "list":
        return {NAMES[data]: len(data)}
    if reader == "read parts":
        return [data[part] for part in PARTS]
    return len(data) if reader in {"verify", "stat"} else data


DEEDS = {
    "put small": Deed([], lambda blobs, _path: blobs.put_bytes(SMALL).digest, NAMES[SMALL]),
    "put again": Deed([SMALL, BASE], lambda blobs, _path: blobs.put_bytes(BASE).digest, NAMES[BASE]),
    "put many": Deed(
        [], lambda blobs, _path: [put.digest for put in blobs.put_many(OTHERS)], [NAMES[data] for data in OTHERS]
    ),
    "put large": Deed([], lambda blobs, _path: blobs.put_bytes(BASE).digest, NAMES[BASE]),
    "put stream": Deed([], lambda blobs, _path: blobs.put_stream(io.BytesIO(BASE)).digest, NAMES[BASE]),
    "put shared": Deed(
        [BASE], lambda blobs, _path: blobs.put_bytes(VERSION, like=lambda: NAMES[BASE]).digest, NAMES[VERSION]
    ),
    "put folder": Deed([], put_folder, NAMES[TREE]),
    "restore folder": Deed([*FILES.values(), TREE], restore, FILES, reads=True),
} | {
    f"{reader} {size}": Deed(
        [data],
        lambda blobs, path, read=read, data=data: read(blobs, NAMES[data], path),
        wanted_of(reader, data),
        reads=True,
    )
    for reader, read in READERS.items()
    for size, data in (("small", SMALL), ("large", BASE))
    if size == "large" or reader not in {"jumps", "read parts"}  # small content is read whole when it is opened
}

EFFECTS = {
    "unreachable": lambda operation, at: Fault(ERROR, at, operation),
    "storm": lambda operation, at: storm(3, at=at, operation=operation),
    "full": lambda operation, at: full(operation=operation, at=at),
    "forbidden": lambda operation, at: forbidden(operation=operation, at=at),
    "lost": lambda operation, at: Fault(LOST, at, operation),
    "torn": lambda operation, at: Fault(TORN, at, operation, where=0.6),
    "torn empty": lambda operation, at: Fault(TORN, at, operation, where=0.0),
    "flipped": lambda operation, at: Fault(FLIPPED, at, operation, where=0.55),
    "flipped early": lambda operation, at: Fault(FLIPPED, at, operation, where=0.01),
    "cut": lambda operation, at: Fault(CUT, at, operation, where=0.7),
    "cut to nothing": lambda operation, at: Fault(CUT, at, operation, where=0.0),
    "stale": lambda operation, at: Fault(STALE, at, operation),
    "delay": lambda operation, at: Fault(DELAY, at, operation),
}
KINDS = {name: make(None, 0).effect for name, make in EFFECTS.items()}
EVERY_FAULT = os.environ.get("CONSIST_TESTS_EVERY_FAULT", "0") not in {"", "0"}
EVERYWHERE = EFFECTS if EVERY_FAULT else {"unreachable", "lost", "torn", "flipped", "cut"}
"""Effects that are tried at every operation."""


def spots(calls, effect):
    """Say where an effect is tried: operations by name and number."""
    counts = collections.Counter(call.operation for call in calls)
    for operation, count in counts.items():
        if operation in SUFFERS[KINDS[effect]]:
            numbers = range(count) if effect in EVERYWHERE else sample(count)
            yield from ((operation, number) for number in numbers)


def sample(count):
    """Choose the first, the last, and one between; another one with another seed."""
    return sorted({0, random.randrange(count), count - 1})  # noqa: S311 - a sample


def can_befall(effect, name):
    """Tell whether a deed has an operation that can suffer so."""
    deed, kind = DEEDS[name], KINDS[effect]
    if kind in {LOST, TORN}:
        return not deed.reads
    if kind == STALE:
        return name.startswith("list")
    if kind in {FLIPPED, CUT}:  # what is put anew reads nothing; looking at a whole object does not either
        return name in {"put again", "put shared"} or (deed.reads and name not in {"stat small", "list small"})
    return True


# The matrix --------------------------------------------------------------------------------------------------------

PLACES = {"folder": ("folder", False), "folder by paths": ("folder", True), "memory": ("memory", False)}
PAIRS = [(deed, effect) for deed in DEEDS for effect in EFFECTS if can_befall(effect, deed)]


@pytest.mark.parametrize(("deed", "effect"), PAIRS)
@pytest.mark.parametrize("where", PLACES)
def test_matrix(new_place, tiny, tmp_path, page, threads, where, deed, effect):  # noqa: PLR0913, PLR0917
    deed = DEEDS[deed]
    kind, paths = PLACES[where]

    def begin(plan):
        place = new_place(kind)
        for data in deed.before:
            tiny.store(place.backend).put_bytes(data)
        return place, FaultyBackend(place.backend, plan, paths=paths, sleep=lambda _seconds: None)

    place, backend = begin([])
    assert deed.do(tiny.store(backend), tmp_path / "clean") == deed.wanted
    tried = [*spots(backend.calls, effect)]
    assert tried or (paths and deed.reads), "a reader that has a path may ask the backend nothing"
    for number, spot in enumerate(tried):
        place, backend = begin([EFFECTS[effect](*spot)])
        blobs = tiny.store(backend)
        before = threads()
        outcome = Outcome(lambda blobs=blobs, number=number: deed.do(blobs, tmp_path / f"first {number}"))
        assert threads() <= before
        assert backend.struck, spot
        check_outcome(outcome, deed, effect)
        torn = backend.struck[0].keys if KINDS[effect] == TORN else ()
        check_place(place, page, torn)
        check_readers(tiny, place)
        backend._plan = []
        assert deed.do(blobs, tmp_path / f"again {number}") == deed.wanted, spot
        for data in deed.before:
            blobs.put_bytes(data)
        check_whole(place, deed)


PATIENT = [pair for pair in PAIRS if pair[1] in {"unreachable", "storm", "lost", "torn"}]


@pytest.mark.parametrize(("deed", "effect"), PATIENT)
def test_whoever_tries_again_notices_nothing(new_place, tiny, tmp_path, monkeypatch, deed, effect):  # noqa: PLR0913, PLR0917
    """Under `Retrying`, as every place over a network is used; what goes into a local spool is not tried again."""
    monkeypatch.setattr(retrying, "FIRST_WAIT", 0.0)
    deed = DEEDS[deed]

    def begin(plan):
        place = new_place("memory")
        for data in deed.before:
            tiny.store(place.backend).put_bytes(data)
        return place, FaultyBackend(place.backend, plan)

    _, backend = begin([])
    deed.do(tiny.store(retrying.Retrying(backend)), tmp_path / "clean")  # which asks nobody for an empty batch
    over_network = [call for call in backend.calls if call.operation not in {"upload", "upload.write"}]
    for number, spot in enumerate(spots(over_network, effect)):
        place, backend = begin([EFFECTS[effect](*spot)])
        blobs = tiny.store(retrying.Retrying(backend))
        assert deed.do(blobs, tmp_path / str(number)) == deed.wanted, spot
        assert backend.struck, spot
        check_whole(place, deed)


def check_outcome(outcome, deed, effect):
    """Right, or an error; and no error where nothing failed."""
    if outcome.error is None:
        if deed.reads and isinstance(outcome.value, dict | None) and deed.wanted is not FILES:
            assert outcome.value in (deed.wanted, {}, None), "what cannot be read is passed over"
        else:
            assert outcome.value == deed.wanted
        return
    if KINDS[effect] in {DELAY, STALE}:
        raise outcome.error
    if KINDS[effect] in {FLIPPED, CUT}:
        assert isinstance(outcome.error, DamagedError | NotFoundError)
    else:
        assert isinstance(outcome.error, StorageError)
        assert "on purpose" in str(outcome.error)


def check_place(place, page, torn):
    """By the format page, everything under a final name is what it is called."""
    for key in {*place.keys("blobs")} - {*torn}:
        assert blake3.blake3(place.object(key)).hexdigest() == key.partition("/")[2].replace("/", "")
    for key in {*place.keys("packs")} - {*torn}:
        check_pack(place.object(key), bytes.fromhex(key.partition("/")[2].replace("/", "")))
    for key in {*place.keys("manifests")} - {*torn}:
        raw = bytes.fromhex(key.partition("/")[2].replace("/", ""))
        _, packs, _ = page.manifest_of(place.object(key), raw)
        if not {page.key_of("packs", pack) for pack, _ in packs} & {*torn}:
            assert page.reassemble(place.object, raw) == CONTENTS[Digest(raw)]
    assert place.keys("tmp") == [] if hasattr(place, "path") else True


def check_readers(tiny, place):
    """Another machine, that knows nothing of the fault, reads right bytes or finds none."""
    blobs = tiny.store(place.backend)
    for digest, data in CONTENTS.items():
        outcome = Outcome(lambda digest=digest: blobs.read(digest))
        assert outcome.value == data or isinstance(outcome.error, DamagedError | BlobNotFoundError)


def check_whole(place, deed):
    """Whatever was put is there, whole, also for a machine that knows nothing."""
    made = [] if deed.reads else deed.wanted if isinstance(deed.wanted, list) else [deed.wanted]
    for digest in {*made, *(NAMES[data] for data in deed.before)}:
        assert place.read(digest) == CONTENTS[digest]
