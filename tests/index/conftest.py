"""Records to put, an index to put them in, and child processes that use one."""

import dataclasses
import os
import subprocess
import sys
from pathlib import Path

import pytest

from consist.hashing.hasher import hash_bytes
from consist.index.environment import Environment
from consist.index.index import Index
from consist.index.records import ArtifactRecord, RunRecord, encode_record

CHILDREN = Path(__file__).parent / "children"


@pytest.fixture
def digest():
    return lambda text: hash_bytes(str(text).encode())


@pytest.fixture
def make(digest):
    """Make a record: number, signature by name (or None), outputs by name; whatever else by keyword."""

    def made(number, signature=None, outputs=(), **more):
        record = RunRecord(
            id=f"{number:020x}",
            signature=digest(signature) if signature is not None else None,
            step="clean",
            status="completed",
            started=1_700_000_000_000_000 + number,
            ended=1_700_000_000_000_500 + number,
            outputs=tuple(ArtifactRecord(name, digest(name), len(name), "bytes", name.encode()) for name in outputs),
        )
        return dataclasses.replace(record, **more)

    return made


@pytest.fixture
def put():
    def put_one(index, record):
        framed = encode_record(record)
        index.put_run(record, framed)
        return framed

    return put_one


@pytest.fixture
def db_path(tmp_path):
    return str(tmp_path / "folder" / "index.lmdb")


@pytest.fixture
def environment(db_path):
    found = Environment(db_path)
    yield found
    found.close()


@pytest.fixture
def index(environment):
    return Index(environment, "store-1")


@pytest.fixture
def child(tmp_path):
    """Start a child process of ``children/``; the test's end ends those that still run."""
    started = []

    def start(script, *args, **kwargs):
        environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2]), "PYTHONFAULTHANDLER": "0"}
        process = subprocess.Popen(
            [sys.executable, "-W", "error", str(CHILDREN / script), *map(str, args)],
            stdout=subprocess.PIPE,
            stdin=subprocess.PIPE,
            stderr=kwargs.pop("stderr", subprocess.PIPE),
            text=True,
            env=environment,
            **kwargs,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        if process.poll() is None:
            process.kill()
        process.communicate()
