"""`verify` and `index rebuild`."""

import json
import random
import re

import blake3
import lmdb
import pytest

from tests.harm import harmed

BIG = bytes(range(256)) * (3 << 12)
DIGEST = blake3.blake3(BIG).hexdigest()


def test_verify_finds_nothing_in_a_good_store(world, ask):
    for options, read in (((), r", content not read \(--read-data reads it\)"), (("--read-data",), "")):
        (line,) = ask("verify", *options).lines
        assert re.fullmatch(rf"4 records, 1 blob, \d+ B checked{read}: no problem found", line)  # 3 MiB that repeat


def test_a_missing_blob_heals_as_a_damaged_one_does(world, call):
    (world.store / "manifests" / DIGEST[:2] / DIGEST[2:]).unlink()
    answer = call("cat", "steps/big/value", "--db-path", world.db_path)
    assert answer.code == 3
    assert "run the step that made it again" in answer.err
    assert "`consist ls blobs`" in answer.err


def test_verify_names_a_missing_blob(world, call):
    manifest = world.store / "manifests" / DIGEST[:2] / DIGEST[2:]
    pack = world.blob(DIGEST)
    pack.rename(world.folder / "pack")
    answer = call("verify", "--db-path", world.db_path)
    assert answer.code == 1
    needed = f"needed by blob {DIGEST[:12]}; needed for output 'value' of run {world.runs['big'].id} (step big)"
    assert answer.lines[0] == f"packs/{pack.parent.name}/{pack.name}\tmissing; {needed}"
    assert answer.lines[1].endswith(": 1 problem found")
    (world.folder / "pack").rename(pack)
    manifest.unlink()
    key, problem = call("verify", "--db-path", world.db_path).lines[0].split("\t")
    assert key == f"manifests/{DIGEST[:2]}/{DIGEST[2:]}"
    assert "missing" in problem
    assert world.runs["big"].id in problem


@pytest.mark.parametrize("name", ["clean", "fail"])
def test_verify_names_a_record_that_the_index_knows(world, call, ask, name):
    run = world.runs[name]
    signature = json.loads(ask("show", run.id, "--json").out)["run"]["signature"]
    key = f"runs/{run.id}" if signature is None else f"results/{signature[:2]}/{signature[2:]}"
    (world.store / key).unlink()
    answer = call("verify", "--db-path", world.db_path)
    assert answer.code == 1
    at, problem = answer.lines[0].split("\t")
    assert at == key
    assert problem.startswith(f"missing; the index knows it as the record of run {run.id} (step {name})")
    assert answer.lines[1].endswith(": 1 problem found")
    assert call("verify", "--db-path", world.folder / "none", "--store", world.store).code == 0, "nobody knows of it"
    assert call("index", "rebuild", "--db-path", world.db_path).code == 0
    assert call("verify", "--db-path", world.db_path).code == 0


def test_verify_sees_a_changed_byte_only_when_it_reads(world, call):
    path = world.blob(DIGEST)
    path.chmod(0o600)
    path.write_bytes(b"!" + path.read_bytes()[1:])
    assert call("verify", "--db-path", world.db_path).code == 0
    answer = call("verify", "--read-data", "--json", "--db-path", world.db_path)
    assert answer.code == 1
    (finding,) = json.loads(answer.out)["findings"]
    assert finding["key"] == f"packs/{path.parent.name}/{path.name}"


def test_verify_needs_no_index_and_makes_none(world, call, tmp_path):
    world.db_path.unlink()
    answer = call("verify", "--db-path", world.db_path)
    assert answer.code == 0
    assert answer.lines[0].startswith("4 records, 1 blob, ")
    assert not world.db_path.exists()


@pytest.mark.parametrize("harm", ["delete", "truncate"])
def test_a_lost_index_is_made_anew_with_everything(world, call, ask, harm):
    before = [ask("runs", "--json").out, ask("ls", "blobs", "-l").out, ask("show", world.runs["clean"].id).out]
    world.let_go()
    if harm == "delete":
        world.db_path.unlink()
        answer = call("runs", "--db-path", world.db_path)
        assert answer.code == 3
        assert f"consist index rebuild --db-path {world.db_path}" in answer.err
    else:
        with world.db_path.open("r+b") as stream:
            stream.truncate(world.db_path.stat().st_size - 2 * 4096)
        answer = call("runs", "--db-path", world.db_path)
        assert answer.code == 1
        assert "consist index rebuild" in answer.err
    assert answer.out == ""
    answer = call("index", "rebuild", "--db-path", world.db_path)
    assert answer.code == 0
    assert answer.lines == ["4 runs and 1 batch of events indexed, 0 damaged"]
    assert ("the index is replaced" in answer.err) is (harm == "truncate")
    assert [ask("runs", "--json").out, ask("ls", "blobs", "-l").out, ask("show", world.runs["clean"].id).out] == before


def _spoil(data, how):
    noise = random.Random(7).randbytes(len(data))  # noqa: S311 - which bytes, not a secret
    return {
        "cut at 100": data[:100],
        "cut at 5000": data[:5000],
        "noise after the header": data[:8192] + noise[8192:],
        "noise in the first page": noise[:4096] + data[4096:],
        "noise in both header pages": noise[:8192] + data[8192:],
        "all noise": noise,
        "all zeros": bytes(len(data)),
    }[how]


HARMS = (
    "cut at 100",
    "cut at 5000",
    "noise after the header",
    "noise in the first page",
    "noise in both header pages",
    "all noise",
    "all zeros",
)


@pytest.mark.parametrize("how", HARMS)
def test_a_damaged_index_is_moved_aside_and_made_anew(world, start, ask, how):
    before = ask("runs", "--json").out
    world.let_go()
    spoilt = _spoil(world.db_path.read_bytes(), how)
    kept = [world.folder / f"provenance.duckdb.damaged-{number}" for number in (1, 2)]
    kept[0].write_bytes(b"an earlier one")
    world.db_path.write_bytes(spoilt)
    done = start("index", "rebuild", "--db-path", world.db_path)  # LMDB may end a process over a damaged page
    assert (done.returncode, done.stdout) == (0, b"4 runs and 1 batch of events indexed, 0 damaged\n"), done.stderr
    (warning,) = done.stderr.decode().splitlines()
    assert warning.startswith("consist: warning: the index is replaced, and the damaged file kept as ")
    assert str(kept[1]) in warning
    assert [path.read_bytes() for path in kept] == [b"an earlier one", spoilt]
    assert not kept[1].with_name(f"{kept[1].name}-lock").exists()
    assert ask("runs", "--json").out == before


@pytest.mark.parametrize("how", ["zeros", "noise"])
def test_a_file_that_nothing_says_was_an_index_is_not_moved(world, call, how):
    path = world.folder / "other.lmdb"
    path.write_bytes(bytes(9000) if how == "zeros" else random.Random(7).randbytes(9000))  # noqa: S311 - as above
    before = path.read_bytes()
    answer = call("index", "rebuild", "--db-path", path, "--store", world.store)
    assert answer.code == 5
    assert path.read_bytes() == before
    assert list(world.folder.glob("*.damaged-*")) == []


@pytest.mark.parametrize("locked", [True, False])
def test_a_whole_lmdb_file_of_somebody_else_is_not_moved(world, start, locked):
    path = world.folder / "theirs.lmdb"
    with lmdb.open(str(path), subdir=False) as env, env.begin(write=True) as txn:
        txn.put(b"key", b"consist index")
    if not locked:
        path.with_name("theirs.lmdb-lock").unlink()
    before = path.read_bytes()
    done = start("index", "rebuild", "--db-path", path, "--store", world.store)
    assert done.returncode == 5
    assert b"LMDB database that consist did not make" in done.stderr
    assert path.read_bytes() == before
    assert list(world.folder.glob("*.damaged-*")) == []


def test_without_a_store_a_damaged_index_stays_where_it_is(world, call):
    world.let_go()
    with world.db_path.open("r+b") as stream:
        stream.truncate(5000)
    answer = call("index", "rebuild", "--db-path", world.db_path, "--store", world.folder / "none")
    assert answer.code == 3
    (world.store / "consist.json").chmod(0o600)
    (world.store / "consist.json").write_bytes(b"{")
    answer = call("index", "rebuild", "--db-path", world.db_path)
    assert answer.code == 1
    assert "consist.json cannot be read" in answer.err
    assert world.db_path.stat().st_size == 5000
    assert list(world.folder.glob("*.damaged-*")) == []


def test_a_rebuild_leaves_damaged_records_out_or_writes_them_anew_and_says_so(world, call):
    (record,) = [path for path in (world.store / "runs").iterdir() if path.name == world.runs["fail"].id]
    record.chmod(0o600)
    record.write_bytes(harmed(record.read_bytes()))
    other = ("--db-path", world.folder / "other.lmdb", "--store", world.store)
    answer = call("index", "rebuild", "--json", *other)
    assert answer.code == 1
    shape = "consist.index-rebuild.v1"
    assert json.loads(answer.out) == {"shape": shape, "runs": 3, "batches": 1, "damaged": 1, "mended": 0}
    assert answer.err.startswith(f"consist: warning: runs/{record.name} is left out of the index")
    assert call("verify", *other).code == 1
    answer = call("index", "rebuild", "--db-path", world.db_path)
    assert (answer.code, answer.out) == (0, "4 runs and 1 batch of events indexed, 0 damaged, 1 written anew\n")
    assert f"run {record.name} (step fail)" in answer.err
    assert call("verify", *other).code == 0


def test_an_index_that_was_never_filled_is_told_of(world, call, tmp_path):
    other = tmp_path / "other.lmdb"
    answer = call("put", "--create", __file__, "--db-path", other, "--store", world.store)
    assert answer.code == 0
    answer = call("runs", "--db-path", other)
    assert [row["model"] for row in answer.rows()] == ["put"]
    assert (
        answer.err == f"consist: warning: the index {other} may lack runs of the store (run `consist index rebuild`)\n"
    )
    assert call("index", "rebuild", "--db-path", other).code == 0
    answer = call("runs", "--db-path", other)
    assert (len(answer.rows()), answer.err) == (5, "")
