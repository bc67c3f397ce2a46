"""Stores in folders of their own, records made by hand, and ways to look at both that go round the code under test."""

from __future__ import annotations

import os
import secrets
import struct
from pathlib import Path
from types import SimpleNamespace

import lmdb
import msgpack
import pytest
from blake3 import blake3

from consist.hashing.digest import Digest
from consist.index.records import ArtifactRecord, RunRecord
from consist.store.opening import open_store


@pytest.fixture
def make_store(tmp_path):
    """Open stores; all indexes are closed at the end."""
    opened = []

    def make(name="store", db="index.lmdb", **options):
        url = name if "://" in str(name) else str(tmp_path / name)
        opened.append(open_store(url, str(tmp_path / db), **{"durable": False, **options}))
        return opened[-1]

    yield make
    for store in opened:
        store.index.close()


@pytest.fixture
def store(make_store):
    return make_store()


def _digest(data: bytes) -> Digest:
    return Digest(blake3(data).digest())


def _record(store=None, *, signature=None, content=b"content " * 1000, inline=None, **fields):
    """Make a completed run with one output, whose blob is put if a store is given."""
    run_id = fields.pop("id", secrets.token_hex(10))
    body = inline if inline is not None else content
    output = ArtifactRecord("out", _digest(body), len(body), "bytes", inline)
    if store is not None and inline is None:
        store.blobs.put_bytes(content)
    given = {"step": "step", "status": "completed", "started": 10, "ended": 20, "outputs": (output,), **fields}
    return RunRecord(id=run_id, signature=signature, **given)


def _unframe(data: bytes) -> SimpleNamespace:
    """Read a control object by the words of docs/format.md alone."""
    magic, version, kind, key_size, size, nonce = struct.unpack(">4sBBHI16s", data[:28])
    assert (magic, version) == (b"CNST", 0)
    body = data[28 + key_size : 28 + key_size + size]
    assert data[28 + key_size + size :] == blake3(data[: 28 + key_size + size]).digest()
    return SimpleNamespace(kind=kind, key=data[28 : 28 + key_size], nonce=nonce, fields=msgpack.unpackb(body))


def _objects(root) -> dict[str, bytes]:
    """Return every file below a folder, but for temp files and locks."""
    files = {str(path.relative_to(root)): path for path in Path(root).rglob("*") if path.is_file()}
    return {
        key: path.read_bytes() for key, path in files.items() if key != "lock" and not key.startswith(("tmp", "locks"))
    }


def _overwrite(path, data: bytes) -> None:
    """Spoil a read-only object in place."""
    path = Path(path)
    path.chmod(0o600)
    path.write_bytes(data)


def _dump(store) -> dict[str, dict[bytes, bytes]]:
    """Return every table of an index as LMDB has it, but for its own housekeeping."""
    path = store.index.environment.path
    store.index.close()
    env = lmdb.open(path, subdir=False, readonly=True, lock=False, max_dbs=64, lib_version=0)
    try:
        with env.begin() as txn:
            names = [name for name, _ in txn.cursor()]
        tables = {}
        for name in names:
            handle = env.open_db(name, create=False)
            with env.begin(db=handle) as txn:
                tables[name.decode()] = {bytes(key): bytes(value) for key, value in txn.cursor()}
    finally:
        env.close()
    del tables["meta"]
    return tables


def _path(store, area: str, digest: Digest) -> Path:
    name = digest.raw.hex()
    return Path(store.backend.url) / area / name[:2] / name[2:]


@pytest.fixture
def by_hand():
    """What tests do without the code under test."""
    return SimpleNamespace(
        digest=_digest,
        record=_record,
        unframe=_unframe,
        objects=_objects,
        overwrite=_overwrite,
        dump=_dump,
        path=_path,
        signature=lambda text="signature": Digest(blake3(os.fsencode(text)).digest()),
    )
