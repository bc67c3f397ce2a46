"""`verify` and `index rebuild`."""

import json

import blake3
import pytest

BIG = bytes(range(256)) * (3 << 12)
DIGEST = blake3.blake3(BIG).hexdigest()


def test_verify_finds_nothing_in_a_good_store(world, ask):
    for options in ((), ("--read-data",)):
        (line,) = ask("verify", *options).lines
        assert line == "4 records, 1 blob, 3.0 MiB checked: no problem found"


def test_verify_names_a_missing_blob(world, call):
    world.blob(DIGEST).unlink()
    answer = call("verify", "--db-path", world.db_path)
    assert answer.code == 1
    key, problem = answer.lines[0].split("\t")
    assert key == f"blobs/{DIGEST[:2]}/{DIGEST[2:]}"
    assert "missing" in problem
    assert world.runs["big"].id in problem
    assert answer.lines[1].endswith(": 1 problem found")


def test_verify_sees_a_changed_byte_only_when_it_reads(world, call):
    path = world.blob(DIGEST)
    path.chmod(0o600)
    path.write_bytes(b"!" + BIG[1:])
    assert call("verify", "--db-path", world.db_path).code == 0
    answer = call("verify", "--read-data", "--json", "--db-path", world.db_path)
    assert answer.code == 1
    (finding,) = json.loads(answer.out)["findings"]
    assert finding["key"] == f"blobs/{DIGEST[:2]}/{DIGEST[2:]}"


def test_verify_needs_no_index_and_makes_none(world, call, tmp_path):
    world.db_path.unlink()
    answer = call("verify", "--db-path", world.db_path)
    assert (answer.code, answer.lines) == (0, ["4 records, 1 blob, 3.0 MiB checked: no problem found"])
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


def test_a_rebuild_leaves_damaged_records_out_and_says_so(world, call):
    (record,) = [path for path in (world.store / "runs").iterdir() if path.name == world.runs["fail"].id]
    record.chmod(0o600)
    record.write_bytes(record.read_bytes()[:-1] + b"!")
    answer = call("index", "rebuild", "--json", "--db-path", world.db_path)
    assert answer.code == 1
    assert json.loads(answer.out) == {"shape": "consist.index-rebuild.v1", "runs": 3, "batches": 1, "damaged": 1}
    assert answer.err.startswith(f"consist: warning: runs/{record.name} is left out of the index")
    assert call("verify", "--db-path", world.db_path).code == 1


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
