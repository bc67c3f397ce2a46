"""`doctor`: what is as it should be, what is not, and what to do about it."""

import importlib.util
import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

import consist

SECRET = "hunter2"  # noqa: S105 - the point is that nobody sees it


@pytest.fixture
def look(call, tmp_path):
    """Call the doctor; return the exit code and the checks by area and name."""

    def look(*arguments):
        answer = call("doctor", "--json", *arguments)
        document = json.loads(answer.out)
        return answer, document, {(check["area"], check["name"]): check for check in document["checks"]}

    return look


@pytest.fixture
def away(tmp_path, monkeypatch):
    """Be in a folder with nothing in it, and no setting from around."""
    folder = tmp_path / "away"
    folder.mkdir()
    monkeypatch.chdir(folder)
    for variable in ("CONSIST_STORE", "CONSIST_DB", "CONSIST_RUN_DIR"):
        monkeypatch.delenv(variable, raising=False)
    return folder


def bad(checks):
    """Return what is not well; how full the disk of a test machine is, is its own business."""
    return {key: check["level"] for key, check in checks.items() if check["level"] != "ok" and key[1] != "free space"}


def names(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def test_a_good_store_is_well_and_left_as_it_was(world, look):
    (world.store / "lock").touch()
    before = names(world.store)
    answer, document, checks = look("--db-path", world.db_path)
    assert (answer.code, bad(checks)) == (0, {})
    assert document["problems"] == 0
    assert {area for area, _ in checks} == {"settings", "versions", "store", "index"}
    assert checks["store", "id"]["value"] == json.loads((world.store / "consist.json").read_text())["id"]
    assert checks["store", "create"]["value"] == "of 4 at once one wins"
    assert checks["store", "put throughput"]["unit"] == "bytes/s"
    assert checks["index", "complete"]["value"] == "yes, with 4 runs"
    assert checks["index", "size"]["value"] == world.db_path.stat().st_size
    assert names(world.store) == before


def test_each_setting_is_shown_with_its_origin(world, away, look, monkeypatch):
    (away / "consist.toml").write_text('run_dir = "my runs"\n')
    monkeypatch.setenv("CONSIST_DB", str(world.db_path))
    monkeypatch.setenv("CONSIST_CACHE_LIMIT", "0")
    _, _, checks = look()
    settings = {name: (check["value"], check["origin"]) for (area, name), check in checks.items() if area == "settings"}
    assert settings == {
        "store": (str(world.store), "beside the index"),
        "db_path": (str(world.db_path), "environment variable CONSIST_DB"),
        "run_dir": (str(away / "my runs"), str(away / "consist.toml")),
        "storage_options": (None, "default"),
        "cache_limit": (0, "environment variable CONSIST_CACHE_LIMIT"),
    }
    _, _, checks = look("--store", world.store)
    assert checks["settings", "store"]["origin"] == "argument"


def test_where_nothing_is_yet_nothing_is_made(away, look):
    answer, document, checks = look()
    assert (answer.code, document["verdict"]) == (0, "warning")
    assert bad(checks) == {("store", "config"): "warning", ("index", "kind"): "warning"}
    assert "Tracker" in checks["store", "config"]["advice"]
    assert ("store", "write") not in checks
    assert names(away) == []


def test_a_store_in_memory_is_tried_before_it_is_there(away, look):
    answer, _, checks = look("--store", f"memory://doctor-{away.parent.name}")
    assert answer.code == 0
    assert bad(checks) == {("store", "config"): "warning", ("index", "kind"): "warning"}
    assert checks["store", "swap"]["level"] == checks["store", "delete"]["level"] == "ok"


def test_without_an_index_the_doctor_says_how_to_make_it(world, look):
    world.let_go()
    world.db_path.unlink()
    answer, _, checks = look("--db-path", world.db_path)
    assert (answer.code, bad(checks)) == (0, {("index", "kind"): "warning"})
    assert f"consist index rebuild --db-path {world.db_path} --store {world.store}" in checks["index", "kind"]["advice"]
    assert not world.db_path.exists()


def test_an_index_that_was_never_filled_is_found(world, call, look, tmp_path):
    other = tmp_path / "other.lmdb"
    assert call("put", "--create", __file__, "--db-path", other, "--store", world.store).code == 0
    _, _, checks = look("--db-path", other, "--store", world.store)
    assert bad(checks) == {("index", "complete"): "warning"}


def test_runs_of_another_machine_are_counted_and_the_advice_reads_them_in(world, call, look, tmp_path):
    with consist.Tracker(run_dir=tmp_path, db_path=tmp_path / "theirs.lmdb", store=world.store) as theirs:
        for exponent in (1, 2):
            theirs.run(pow, name="power", config={"base": 2, "exp": exponent})
        with theirs.trace("report"):
            pass
    answer, _, checks = look("--db-path", world.db_path)
    assert (answer.code, bad(checks)) == (0, {("index", "complete"): "warning"})
    assert checks["index", "complete"]["value"].startswith("3 of 7 records in the store are not in it")
    command = checks["index", "complete"]["advice"].split("`")[1]
    assert call(*shlex.split(command)[1:]).code == 0
    _, _, checks = look("--db-path", world.db_path)
    assert checks["index", "complete"]["value"] == "yes, with 7 runs"


def test_of_a_store_of_very_many_runs_the_first_are_counted(world, look, monkeypatch):
    monkeypatch.setattr("consist.store.unknown.COUNTED", 3)
    _, _, checks = look("--db-path", world.db_path)
    assert checks["index", "complete"]["value"] == "as far as the first 3 records tell, with 4 runs"


@pytest.mark.parametrize("what", ["a text file\n" * 100, "truncated"])
def test_a_file_that_is_no_good_index_is_a_problem_and_stays(world, look, what):
    world.let_go()
    if what == "truncated":
        with world.db_path.open("r+b") as stream:
            stream.truncate(world.db_path.stat().st_size - 8192)
    else:
        world.db_path.write_text(what)
    before = world.db_path.read_bytes()
    answer, document, checks = look("--db-path", world.db_path)
    assert (answer.code, document["verdict"]) == (1, "problem")
    assert [area for (area, _), level in bad(checks).items() if level == "problem"] == ["index"]
    assert checks["store", "write"]["level"] == "ok"
    assert world.db_path.read_bytes() == before


def test_a_driver_that_is_not_installed_is_a_problem_that_says_what_to_install(away, look):
    if importlib.util.find_spec("adlfs") is not None:
        pytest.skip("it is installed here")
    answer, _, checks = look("--store", "abfs://team/store")
    assert (answer.code, bad(checks)) == (1, {("store", "place"): "problem", ("index", "kind"): "warning"})
    assert checks["store", "place"]["advice"] == "pip install adlfs"


@pytest.mark.parametrize("spoilt", ["not json", '{"format": 99}'])
def test_a_store_that_cannot_be_read_is_a_problem(world, look, spoilt):
    path = world.store / "consist.json"
    path.chmod(0o600)
    path.write_text(spoilt)
    answer, _, checks = look("--db-path", world.db_path)
    assert answer.code == 1
    assert bad(checks) == {("store", "config"): "problem"}


def test_of_a_store_whose_config_is_gone_it_is_said_that_its_content_is_there(world, look):
    (world.store / "consist.json").unlink()
    answer, _, checks = look("--db-path", world.db_path)
    assert (answer.code, checks["store", "config"]["level"]) == (1, "problem")
    assert "which has the content of a store" in checks["store", "config"]["value"]
    assert "consist index rebuild" in checks["store", "config"]["advice"]


def test_a_wrong_settings_file_is_a_problem_and_versions_are_shown(away, look):
    (away / "consist.toml").write_text("stroe = 'x'\n")
    answer, _, checks = look()
    assert (answer.code, bad(checks)) == (1, {("settings", "settings file"): "problem"})
    assert checks["settings", "settings file"]["advice"] == "did you mean 'store'?"
    assert checks["versions", "python"]["value"] == ".".join(map(str, sys.version_info[:3]))


def test_no_secret_is_shown(away, call):
    options = f'storage_options = {{ secret = "{SECRET}", token = "{SECRET}", timeout = 1 }}\n'
    (away / "consist.toml").write_text(f'store = "ftp://someone:{SECRET}@127.0.0.1:1/store"\n{options}')
    for way in ((), ("--json",), ("--no-write",)):
        answer = call("doctor", *way)
        assert answer.code == 1  # nobody listens there
        assert SECRET not in answer.out + answer.err
        assert "ftp://127.0.0.1:1/store" in answer.out
        assert "secret, timeout, token (values are not shown)" in answer.out
    world_options = ("--store", f"memory://someone:{SECRET}@place")
    answer = call("doctor", *world_options)
    assert SECRET not in answer.out + answer.err


@pytest.mark.parametrize(
    ("mode", "sharing", "level"),
    [
        *((0o777, "private", "warning"), (0o700, "group", "warning"), (0o2750, "group", "warning")),
        *((0o700, "group-read", "warning"), (0o2770, "group-read", "warning"), (0o2750, "group-read", "ok")),
    ],
)
def test_permissions_that_do_not_fit_are_found(world, look, mode, sharing, level):
    path = world.store / "consist.json"
    path.chmod(0o600)
    fields = json.loads(path.read_text())
    del fields["check"]
    path.write_text(json.dumps({**fields, "sharing": sharing}))
    world.store.chmod(mode)
    answer, _, checks = look("--db-path", world.db_path)
    assert (answer.code, checks["store", "permissions"]["level"]) == (0, level)
    assert set(bad(checks)) <= {("store", "permissions")}
    assert checks["store", "permissions"]["value"] == f"{mode:04o}"
    if level == "warning":
        subprocess.run(shlex.split(checks["store", "permissions"]["advice"].rpartition(": ")[2]), check=True)
        assert bad(look("--db-path", world.db_path)[2]) == {}


def test_a_store_that_may_only_be_read_is_a_problem_unless_that_is_meant(world, as_reader):
    world.let_go()
    done = as_reader(world.store, "doctor", "--json", "--db-path", world.db_path)
    spared = as_reader(world.store, "doctor", "--json", "--no-write", "--db-path", world.db_path)
    checks = {(check["area"], check["name"]): check for check in json.loads(done.stdout)["checks"]}
    assert (done.returncode, bad(checks)) == (1, {("store", "write"): "problem"})
    assert "--no-write" in checks["store", "write"]["advice"]
    checks = {(check["area"], check["name"]): check for check in json.loads(spared.stdout)["checks"]}
    assert (spared.returncode, bad(checks)) == (0, {})
    assert checks["store", "write"]["value"] == "not tried"


def test_lines_are_checks_and_the_last_is_the_verdict(world, call):
    rows = call("doctor", "--db-path", world.db_path).rows()
    assert list(rows[0]) == ["area", "name", "level", "value", "unit", "origin", "advice"]
    assert (rows[-1]["area"], rows[-1]["level"]) == ("verdict", "ok")
    assert all(row["level"] in {"ok", "warning", "problem"} for row in rows)


def test_people_read_what_to_do_below_what_is_wrong(away, call, monkeypatch):
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    lines = call("doctor").lines
    assert lines[0] == "settings"
    (number,) = [n for n, line in enumerate(lines) if line.split()[:2] == ["warning", "kind"]]
    assert lines[number + 1].split() == ["->", *["a", "Tracker", "makes", "it", "with", "its", "first", "run"]]
    assert lines[-1] == "no problem, 2 warnings"


def test_what_killed_writers_left_is_counted(world, look):
    _, _, checks = look("--db-path", world.db_path)
    assert (checks["store", "leftovers"]["level"], checks["store", "leftovers"]["value"]) == ("ok", "none")
    folder = world.store / "tmp"
    folder.mkdir(exist_ok=True)
    (folder / "new").write_bytes(b"on its way")
    for name in ("one", "two"):
        (folder / name).write_bytes(b"x" * 1000)
        os.utime(folder / name, (1_600_000_000, 1_600_000_000))
    answer, _, checks = look("--db-path", world.db_path)
    assert (answer.code, bad(checks)) == (0, {("store", "leftovers"): "warning"})
    assert checks["store", "leftovers"]["value"] == "2 temporary files, 2000 bytes"
    assert (folder / "one").exists()


@pytest.mark.parametrize(
    ("sharing", "mode", "level"),
    [
        *(("private", 0o600, "ok"), ("private", 0o640, "warning"), ("private", 0o604, "warning")),
        *(("group", 0o660, "ok"), ("group", 0o664, "warning"), ("group-read", 0o640, "ok")),
    ],
)
def test_an_index_that_others_may_read_is_told(call, away, look, sharing, mode, level):  # noqa: PLR0913, PLR0917 - a table
    (away / "f").write_bytes(b"x")
    place = ("--db-path", "own.lmdb", "--store", "own.store")
    assert call("put", "f", "--create", "--sharing", sharing, *place).code == 0
    Path("own.lmdb").chmod(mode)
    check = look(*place, "--no-write")[2]["index", "permissions"]
    assert (check["level"], check["value"]) == (level, f"{mode:04o}")
    if level == "warning":
        subprocess.run(shlex.split(check["advice"].rpartition(": ")[2]), check=True)
        assert look(*place, "--no-write")[2]["index", "permissions"]["level"] == "ok"
