"""How many requests consist makes of a bucket, counted on the wire: by a proxy in front of a server.

`count` gives the table that ``docs/performance.md`` shows, which ``benchmarks/remote.py --requests`` prints, and which
``tests/store/test_requests.py`` compares with the page. Content and cut points are the same every time, and so are the
numbers.
"""

import contextlib
import uuid
from collections import Counter

from blake3 import blake3
from faulty import proxy_to
from servers import BUCKET

from consist import Tracker

KIB, MIB = 1 << 10, 1 << 20
SIZES = {"100 B": 100, "4 KiB": 4 * KIB, "5 MiB": 5 * MIB, "64 MiB": 64 * MIB}
LARGEST = "64 MiB"
PART = slice(1000, 1100)


def content(name, use):
    """Make bytes that share no chunk with those of another size or use."""
    return blake3(f"{name} {use}".encode()).digest(length=SIZES[name])


def make(name):
    """Return content, as a step does."""
    return content(name, "of a run")


def table(server, driver, folder, sizes=tuple(SIZES)):
    """Count on an empty place of a server's bucket, and return rows of cells.

    `driver` is ``s3fs``, ``obstore`` or ``gcsfs``; `sizes` are names of `SIZES`, of which the largest is not run.
    """
    with proxy_to(server.endpoint) as proxy:
        if driver == "gcsfs":
            url, options = f"gs://{BUCKET}/{uuid.uuid4().hex}", server.options(endpoint_url=proxy.endpoint)
        else:
            url = f"s3://{BUCKET}/{uuid.uuid4().hex}"
            options = server.options(endpoint=proxy.endpoint, consist_driver=driver)
        counted = count(proxy, url, options, folder, sizes)
    rows = [[deed, *map(said, cells), *[""] * (len(sizes) - len(cells))] for deed, cells in counted.items()]
    return [["what", *sizes], ["---"] * (len(sizes) + 1), *rows]


def count(proxy, url, options, folder, sizes):
    """Do each deed and return what was asked for it: {deed: a Counter of methods for each size}."""
    found = {}

    def asked(deed, call):
        proxy.seen.clear()
        kept = call()
        found.setdefault(deed, []).append(Counter(kind(method, path) for method, path, _ in proxy.seen))
        return kept

    def machine(name):
        place = {"store": url, "storage_options": options, "cache_limit": 0}
        return closing.enter_context(
            contextlib.closing(Tracker(run_dir=folder / name, db_path=folder / f"{name}.lmdb", durable=False, **place))
        )

    with contextlib.ExitStack() as closing:
        first, second = machine("first"), machine("second")
        first.store, second.store  # noqa: B018 - opens them
        first.store.backend.capabilities.create  # noqa: B018 - tries it, once a machine and store
        blobs = first.store.blobs
        for name in sizes:
            size = SIZES[name]
            data = content(name, "that is put")
            stored = asked("put", lambda: blobs.put_bytes(data))  # noqa: B023 - called at once, here and below
            asked("put it again", lambda: blobs.put_bytes(data))  # noqa: B023
            read = asked("get", lambda: blobs.read(stored.digest, size=size))  # noqa: B023
            assert read == data
            assert asked("open, and read 100 bytes", lambda: part(blobs, stored)) == data[PART]  # noqa: B023
        for name in sizes:
            if name == LARGEST:
                continue  # the same as the one before, but for its parts
            asked("run a step, output of that size", lambda: first.run(make, config={"name": name}))  # noqa: B023
            hit = asked("find the run on a second machine", lambda: second.run(make, config={"name": name}))  # noqa: B023
            assert hit.cache_hit
    return found


def kind(method, path):
    """Name a request; a driver that deletes many at once posts a list of one."""
    return "DELETE" if method == "POST" and path.endswith("?delete") else method


def part(blobs, stored):
    with blobs.open(stored.digest, size=stored.size) as file:
        file.seek(PART.start)
        return file.read(PART.stop - PART.start)


def said(counts):
    """Say what was counted."""
    return ", ".join(f"{number} {method}" for method, number in sorted(counts.items())) or "none"
