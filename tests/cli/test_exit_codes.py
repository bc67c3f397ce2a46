"""Every way to fail ends in its code of the table, with one line on standard error and no traceback."""

import contextlib
import errno
import inspect
import json
import re
import shutil
import sqlite3
from pathlib import Path

import lmdb
import pytest

import consist
from consist import errors, fileops
from consist.cli import app, codes
from consist.cli.codes import MEANINGS, exit_code

EXPECTED = {
    "ConsistError": 1,
    "UsageError": 2,
    "UnencodableError": 2,
    "InputError": 2,
    "OutputError": 2,
    "SettingsError": 2,
    "FolderError": 2,
    "NotFoundError": 3,
    "BlobNotFoundError": 3,
    "RunNotFoundError": 3,
    "AmbiguousPrefixError": 3,
    "OutputNotFoundError": 3,
    "ConflictError": 5,
    "AlreadyExistsError": 5,
    "ChangedError": 5,
    "DamagedError": 1,
    "RefusedError": 5,
    "FormatError": 5,
    "UnsupportedError": 5,
    "ReadOnlyError": 5,
    "StorageError": 4,
    "StorageFullError": 4,
    "StoragePermissionError": 4,
    "UnreachableError": 4,
}


def test_every_error_of_the_tree_has_its_code():
    tree = {
        name: cls for name, cls in inspect.getmembers(errors, inspect.isclass) if issubclass(cls, errors.ConsistError)
    }
    assert {name: exit_code(cls("x")) for name, cls in tree.items()} == EXPECTED
    assert {*EXPECTED.values(), 0, 70, 130} == MEANINGS.keys()


@pytest.mark.parametrize(
    ("error", "hint"),
    [
        (errors.StorageError("s", hint="do it"), "do it"),
        (errors.StorageError("s"), "`consist doctor` tries the store"),
        (errors.NotFoundError("n"), "`consist ls` lists what there is"),
        (errors.DamagedError("d"), "`consist verify` checks the store"),
        (errors.InputError("i"), "`consist VERB --help` has examples"),
        (errors.ChangedError("c"), "somebody else was writing there: call again"),
        (errors.RefusedError("r"), "`consist doctor` says what there is"),
    ],
)
def test_an_error_that_a_verb_raises_is_a_line_with_a_hint_and_a_code(call, monkeypatch, error, hint):
    def fail(*_):
        raise error

    monkeypatch.setattr("consist.cli.opening.find_place", fail)
    answer = call("runs")
    assert (answer.code, answer.out) == (EXPECTED[type(error).__name__], "")
    assert answer.err == f"consist: {error.message} ({hint})\n"


def one_line(answer):
    assert answer.err.startswith("consist: ")
    assert answer.err.count("\n") == 1
    assert answer.err.endswith("\n")
    return answer.err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("rnus",), "did you mean 'runs'"),
        (("xyzzy",), "`consist --help` lists them"),
        (("runs", "--lmit", "3"), "see `consist runs --help`"),
        (("runs", "--limit", "many"), "many"),
        (("runs", "--limit", "-1"), "--limit -1 is less than none (give 0 or more)"),
        (("preview", "steps/clean/table", "--rows", "-1"), "--rows -1 is less than none (give 0 or more)"),
        (("put", "/dev/null"), "what a pipe or a device gives"),
        (("runs", "--status", "done"), "completed, failed or forgotten"),
        (("runs", "more"), "see `consist runs --help`"),
        (("show",), "TARGET"),
        (("cat",), "PATH"),
        (("index",), "see `consist index --help`"),
        (("index", "rebild"), "see `consist index --help`"),
        (("ls", "nowhere"), "no path of a store"),
        (("ls", "runs/a//c"), "no path of a store"),
        (("ls", "blobs/xyz"), "not the beginning of a digest"),
        (("cat", "steps/clean"), "names no output"),
        (("cat", "blobs"), "names no output"),
        (("cat", ""), "names no output"),
        (("cat", "runs//x"), "no path of a store"),
    ],
)
def test_a_wrong_call_exits_2(world, call, arguments, said):
    place = () if arguments[0] in {"index", "rnus", "xyzzy"} else ("--db-path", world.db_path)
    answer = call(*arguments, *place)
    assert (answer.code, answer.out) == (2, "")
    assert said in one_line(answer)


@pytest.mark.parametrize(
    "arguments",
    [
        ("show", "0123456789abcdef0123"),
        ("show", "runs/"),
        ("ls", "runs/zz"),
        ("ls", "steps/nobody"),
        ("ls", "blobs/0123456789"),
        ("cat", "steps/clean/nothing"),
        ("cat", "steps/nobody/nothing"),
        ("cat", "blobs/0123456789"),
        ("get", "steps/fail/value"),
        ("get", "steps/clean/nothing"),
        ("cat", "steps/clean/table/inner"),
        ("put", "nothing"),
        ("show", "nothing"),
    ],
)
def test_what_there_is_not_exits_3_and_says_what_to_do(world, call, arguments):
    answer = call(*arguments, "--db-path", world.db_path)
    assert (answer.code, answer.out) == (3, "")
    assert re.search(r" \(.{10,}\)\n$", one_line(answer))


def test_a_file_that_cannot_be_read_exits_2_and_says_what_to_do(world, call):
    Path("loop").symlink_to("loop")
    for verb in ("show", "put", "lineage"):
        answer = call(verb, "./loop", "--db-path", world.db_path)
        assert (answer.code, answer.out) == (2, "")
        assert "see to it that it can be read" in one_line(answer)


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("store =", "TOML"),
        ("store = 1", "give a path"),
        ('store = " "', "remove the line"),
        ("stor = 1", "did you mean 'store'"),
        ("cache_limit = -1", "give bytes, 0 or more, or text with a unit"),
    ],
)
def test_a_wrong_settings_file_exits_2_and_says_what_to_do(world, call, text, hint):
    (world.folder / "consist.toml").write_text(text, encoding="utf-8")
    answer = call("runs")
    assert (answer.code, answer.out) == (2, "")
    assert hint in one_line(answer).rpartition("(")[2]


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        (
            'store = "here"\n[storage_options]\nkey = "a"',
            "above [storage_options]",
        ),
        ('store = "gs://bucket/x"\n[storage_options]\nconsist_driver = "s3fs"', "leave it out"),
        ('store = "s3://bucket/x"\n[storage_options]\nconsist_driver = "boto"', "leave it out, and consist chooses"),
    ],
)
def test_a_store_that_cannot_be_opened_as_the_settings_say_exits_2_and_says_what_to_do(tmp_path, call, text, hint):
    (tmp_path / "consist.toml").write_text(text, encoding="utf-8")
    with contextlib.chdir(tmp_path):
        answer = call("put", __file__, "--create")
    assert (answer.code, answer.out) == (2, "")
    assert one_line(answer).endswith(f"{hint})\n")


def test_a_script_that_cannot_be_executed_exits_2_and_says_how_it_can(world, call):
    script = Path("script").absolute()
    script.write_text("not a program", encoding="utf-8")
    script.chmod(0o755)
    answer = call("exec", "./script", "--db-path", world.db_path)
    assert (answer.code, answer.out) == (2, "")
    assert one_line(answer).endswith(" (name what runs it before it, as in: sh ./script)\n")


def test_a_beginning_of_several_run_ids_exits_3_and_names_them(world, call):
    from consist.index.records import COMPLETED, RunRecord
    from consist.store.publish import keep

    ids = ["beef" + "0" * 16, "beef" + "1" * 16]
    for run_id in ids:
        keep(world.open(), RunRecord(run_id, None, "twin", COMPLETED, 0, 1))
    for verb in (("show", "beef"), ("ls", "runs/beef"), ("cat", "runs/beef/x")):
        answer = call(*verb, "--db-path", world.db_path)
        assert answer.code == 3
        assert all(run_id in one_line(answer) for run_id in ids)
    assert call("show", "beef0", "--db-path", world.db_path).lines[0] == f"run_id\t{ids[0]}"


def test_a_beginning_of_several_digests_exits_3(world, call):
    digests = call("ls", "blobs", "--db-path", world.db_path).out.split()
    for n in range(17):  # one more than there are first digits
        (world.folder / "f").write_bytes(str(n).encode())
        digests.append(call("put", "f", "--name", str(n), "--db-path", world.db_path).out.strip())
    firsts = [digest[0] for digest in digests]
    several = next(digit for digit in firsts if firsts.count(digit) > 1)
    answer = call("cat", f"blobs/{several}", "--db-path", world.db_path)
    assert answer.code == 3
    assert "several blobs" in one_line(answer)


def test_no_index_and_no_store_exit_3_and_nothing_is_made(tmp_path, monkeypatch, call):
    monkeypatch.chdir(tmp_path)
    for verb in (("runs",), ("ls",), ("show", "x"), ("cat", "x"), ("get", "x"), ("verify",), ("index", "rebuild")):
        for place in ((), ("--db-path", "sub/index"), ("--db-path", "p.duckdb", "--store", "there")):
            answer = call(*verb, *place)
            assert answer.code == 3, (verb, place)
            assert "there is no " in one_line(answer)
    assert list(tmp_path.iterdir()) == []


def test_no_store_beside_an_index_exits_3(world, call):
    answer = call("runs", "--db-path", world.db_path, "--store", world.folder / "other.store")
    assert answer.code == 3
    assert f"there is no store at {world.folder / 'other.store'}" in one_line(answer)
    assert not (world.folder / "other.store").exists()


def sqlite(path):
    connection = sqlite3.connect(path)
    connection.execute("create table t (x)")
    connection.commit()
    connection.close()


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (sqlite, "an SQLite database"),
        (lambda path: path.write_bytes(b"\x00" * 8 + b"DUCK" + b"\x00" * 8192), "a DuckDB database"),
        (lambda path: path.write_text("my notes\n", encoding="utf-8"), "a text file"),
    ],
)
def test_another_programs_file_as_the_index_exits_5_and_stays_as_it_was(world, call, make, said):
    path = world.folder / "foreign"
    make(path)
    before = path.read_bytes() if path.is_file() else None
    for verb in (("runs",), ("verify",), ("index", "rebuild"), ("put", __file__), ("put", __file__, "--create")):
        for place in ((), ("--store", world.store)):
            answer = call(*verb, "--db-path", path, *place)
            assert answer.code == 5, answer
            assert said in one_line(answer)
    assert before is None or path.read_bytes() == before
    assert not (world.folder / "foreign.store").exists()


@pytest.mark.parametrize("place", ["/", ".", "..", "folder", "folder/"])
def test_a_folder_as_the_index_exits_2_and_stays_as_it_was(world, call, place):
    (world.folder / "folder").mkdir()
    for verb in (("runs",), ("verify",), ("index", "rebuild"), ("put", __file__, "--create")):
        for store in ((), ("--store", world.store)):
            answer = call(*verb, "--db-path", place, *store)
            assert (answer.code, answer.out) == (2, "")
            assert "is a folder; an index is one file (see --db-path)" in one_line(answer)
    assert not (world.folder / "folder.store").exists()


def test_a_folder_as_the_index_is_told_with_where_it_was_set(world, call, monkeypatch):
    monkeypatch.setenv("CONSIST_DB", str(world.folder))
    answer = call("runs")
    assert answer.code == 2
    assert "environment variable CONSIST_DB" in one_line(answer)


def test_where_no_settings_say_where_the_index_is_that_is_said(tmp_path, monkeypatch, call):
    monkeypatch.chdir(tmp_path)
    said = "no consist.toml here or above says where the index is"
    assert said in one_line(call("runs"))
    assert said not in one_line(call("runs", "--db-path", "x.lmdb"))
    (tmp_path / "consist.toml").write_text('db_path = "y.lmdb"')
    assert said not in one_line(call("runs"))


def test_where_a_folder_above_has_an_index_that_is_named(tmp_path, monkeypatch, call):
    monkeypatch.chdir(tmp_path)
    with consist.Tracker(durable=False) as tracker:
        tracker.run(pow, config={"base": 2, "exp": 3})
    (tmp_path / "deep/sub").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "deep/sub")
    assert f"(there is one above: --db-path {tmp_path}/.consist/index.lmdb; " in one_line(call("runs"))
    assert "one above" not in one_line(call("runs", "--db-path", "x.lmdb"))


def test_where_there_is_no_index_those_in_the_folder_are_named(world, call):
    hint = one_line(call("runs"))
    assert "there is no index " in hint
    assert hint.endswith(" (try --db-path ./provenance.duckdb)\n")
    with consist.Tracker(run_dir="runs", db_path="elsewhere.lmdb", store=world.folder / "far") as tracker:
        tracker.run(pow, config={"base": 2, "exp": 3})
    shutil.copy(world.db_path, world.folder / "copy")  # neither a suffix nor a store beside it
    lmdb.open(str(world.folder / "theirs.lmdb"), subdir=False).close()
    (world.folder / "notes.lmdb").write_text("mine", encoding="utf-8")
    answer = call("runs")
    assert answer.code == 3
    assert one_line(answer).endswith(" (try --db-path ./elsewhere.lmdb or ./provenance.duckdb)\n")


def test_a_store_of_a_newer_format_exits_5(world, call):
    config = world.store / "consist.json"
    fields = json.loads(config.read_bytes())
    config.chmod(0o600)
    del fields["check"]
    config.write_text(json.dumps({**fields, "format": 99}), encoding="utf-8")
    for verb in (("runs",), ("verify",), ("index", "rebuild"), ("put", __file__)):
        answer = call(*verb, "--db-path", world.db_path)
        assert answer.code == 5
        assert "format 99" in one_line(answer)
        assert "upgrade consist" in answer.err


@pytest.mark.parametrize("number", [errno.EIO, errno.ENOSPC, errno.EACCES])
def test_storage_that_fails_exits_4_and_keeps_nothing(world, call, number):
    def tap(moment, operation, path):
        if operation == "write" and str(world.store) in path:
            raise OSError(number, "it broke", path)

    before = call("runs", "--db-path", world.db_path).out
    fileops.set_tap(tap)
    try:
        answer = call("put", __file__, "--db-path", world.db_path)
    finally:
        fileops.set_tap(None)
    assert (answer.code, answer.out) == (4, "")
    assert "it broke" in one_line(answer) or "write" in one_line(answer)
    assert call("runs", "--db-path", world.db_path).out == before
    assert call("verify", "--db-path", world.db_path).code == 0


def test_a_damaged_record_that_is_asked_for_exits_1(world, call):
    config = world.store / "consist.json"
    config.chmod(0o600)
    config.write_bytes(b"{")
    answer = call("runs", "--db-path", world.db_path)
    assert (answer.code, answer.out) == (1, "")
    assert "consist.json cannot be read" in one_line(answer)


def test_a_bug_is_a_line_unless_one_wants_to_see_where(call, monkeypatch):
    def fail(*_):
        raise KeyError("what")

    monkeypatch.setattr("consist.cli.opening.find_place", fail)
    answer = call("runs")
    assert answer.code == codes.BUG
    assert one_line(answer).startswith("consist: a bug: KeyError: 'what'")
    monkeypatch.setenv("CONSIST_DEBUG", "1")
    with pytest.raises(KeyError):
        app.run(["runs"])


def test_an_index_that_knows_several_stores_wants_to_be_told_which(world, call, tmp_path):
    for name in ("one", "two"):
        with consist.Tracker(run_dir="runs", db_path="shared.lmdb", store=tmp_path / name) as tracker:
            tracker.run(pow, name=name, config={"base": 2, "exp": 3})
    answer = call("runs", "--db-path", "shared.lmdb")
    assert answer.code == 2
    assert f"{tmp_path / 'one'}, {tmp_path / 'two'}" in one_line(answer)
    answer = call("runs", "--db-path", "shared.lmdb", "--store", tmp_path / "two")
    assert [row["model"] for row in answer.rows()] == ["two"]


def test_the_store_that_an_index_was_used_with_is_found(world, call, tmp_path):
    with consist.Tracker(run_dir="runs", db_path="own.lmdb", store=tmp_path / "elsewhere") as tracker:
        tracker.run(pow, name="power", config={"base": 2, "exp": 3})
    assert [row["model"] for row in call("runs", "--db-path", "own.lmdb").rows()] == ["power"]
    assert call("cat", "steps/power/value", "--db-path", "own.lmdb").out == "8\n"


def test_settings_come_from_the_environment_then_a_file(world, call, monkeypatch, tmp_path):
    place = tmp_path / "place"
    place.mkdir()
    monkeypatch.chdir(place)
    (place / "consist.toml").write_text(f'db_path = "{world.db_path}"\n', encoding="utf-8")
    assert len(call("runs").rows()) == 4
    monkeypatch.setenv("CONSIST_DB", str(tmp_path / "none"))
    assert call("runs").code == 3
    monkeypatch.setenv("CONSIST_STORE", str(world.store))
    assert call("index", "rebuild").code == 0
    assert len(call("runs").rows()) == 4
    (place / "consist.toml").write_text('db-path = "x"\n', encoding="utf-8")
    answer = call("runs")
    assert answer.code == 2
    assert "did you mean 'db_path'" in one_line(answer)


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        (("runs", "--model", "x"), "no such option: --model (did you mean --step?; see `consist runs --help`)"),
        (("runs", "--stauts", "x"), "no such option: --stauts (did you mean --status?; see `consist runs --help`)"),
        (("tag", "--model", "x"), "no such option: --model (see `consist tag --help`)"),
        (
            ("--db-path", "x", "runs"),
            (
                "no such option: --db-path (options stand after the verb: `consist VERB --db-path …`;"
                " see `consist --help`)"
            ),
        ),
    ],
)
def test_an_option_that_there_is_not_names_what_was_meant(call, typed, said):
    answer = call(*typed)
    assert (answer.code, answer.out, answer.err) == (2, "", f"consist: {said}\n")


def test_a_put_where_nothing_is_names_the_option_that_makes_it(tmp_path, monkeypatch, call):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.csv").write_text("a")
    answer = call("put", "a.csv")
    assert answer.code == 3
    assert "(--create makes it, and a store; else " in answer.err
    assert call("put", "a.csv", "--create").code == 0
    (tmp_path / ".consist/index.lmdb").unlink()
    answer = call("put", "a.csv")
    assert "--create" not in answer.err
    assert "`consist index rebuild" in answer.err
