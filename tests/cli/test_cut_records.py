"""Records that were cut short: a verb that needs one says so in a line, and the others pass over it."""

import pytest

from consist.index.records import encode_record

ABOUT_THE_RUN = ("show", "why", "diff", "lineage", "get", "preview", "cat", "tag", "forget")


def cut_in_index(world, length):
    """Cut the record of the run of `clean` as the index has it."""
    store = world.open()
    record = store.index.get_run(world.runs["clean"].id)
    framed = encode_record(record)
    store.index._bound.write(lambda view: view.put("results", record.signature.raw, framed[:length]))


def cut_in_store(world, length):
    """Cut both copies of that record in the store."""
    run = world.runs["clean"].record
    signature = run.signature.hex
    for path in (*world.store.glob(f"results/{signature[:2]}/*"), *world.store.rglob(f"runs/**/*{run.id}*")):
        if path.is_file():
            path.chmod(0o600)
            path.write_bytes(path.read_bytes()[:length])


def arguments(world, verb):
    run, other = world.runs["clean"].id, world.runs["big"].id
    return {
        "diff": (other, run),
        "get": (f"runs/{run}/note", "restored"),
        "preview": (f"runs/{run}/note",),
        "cat": (f"runs/{run}/note",),
        "tag": (run, "cut"),
        "forget": (run, "--yes"),
    }.get(verb, (run,))


@pytest.mark.parametrize("length", [0, 7, 200])
def test_a_verb_about_a_run_whose_record_is_cut_says_so_in_a_line(world, call, length):
    cut_in_index(world, length)
    run = world.runs["clean"].id
    for verb in ABOUT_THE_RUN:
        answer = call(verb, *arguments(world, verb), "--db-path", world.db_path)
        assert (answer.code, answer.out) == (1, ""), verb
        assert answer.err.startswith(f"consist: the index's record of run {run} is damaged: ")
        assert answer.err.endswith("(run `consist index rebuild`: the index is made anew from the store)\n")
        assert answer.err.count("\n") == 1
    assert not (world.folder / "restored").exists()
    assert call("index", "rebuild", "--db-path", world.db_path).code == 0
    assert call("get", f"runs/{run}/note", "restored", "--db-path", world.db_path).code == 0


@pytest.mark.parametrize("length", [0, 7, 200])
def test_a_verb_about_all_runs_passes_over_one_that_is_cut(world, call, tmp_path, length):
    def exported():
        answer = call("export", "parquet", tmp_path / "tables", "--force", "--db-path", world.db_path)
        assert (answer.code, answer.err) == (0, "")
        return [row["rows"] for row in answer.rows() if row["table"] == "runs"]

    assert exported() == ["4"]
    cut_in_index(world, length)
    assert exported() == ["3"]
    assert call("verify", "--db-path", world.db_path).code == 0  # which reads the store


@pytest.mark.parametrize("length", [0, 7, 200])
def test_a_record_that_is_cut_in_the_store_is_found_and_left_out_or_written_anew(world, call, tmp_path, length):
    cut_in_store(world, length)
    answer = call("verify", "--db-path", world.db_path)
    assert (answer.code, answer.err) == (1, "")
    assert answer.lines[0].startswith(f"results/{world.runs['clean'].record.signature.hex[:2]}/")
    ignorant = tmp_path / "ignorant.lmdb"
    for db_path, code, done, known in (
        (ignorant, 1, "is left out of the index", ["fail", "big", "summarise"]),
        (world.db_path, 0, "is written anew from the index", ["fail", "big", "summarise", "clean"]),
    ):
        place = ("--db-path", db_path, "--store", world.store)
        answer = call("index", "rebuild", *place)
        assert (answer.code, answer.err.count("\n")) == (code, 1)
        assert done in answer.err
        assert [row["model"] for row in call("runs", *place).rows()] == known
