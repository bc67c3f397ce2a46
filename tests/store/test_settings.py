"""Where a setting comes from, and that a typing error is never taken for something else."""

from __future__ import annotations

from pathlib import Path

import pytest

from consist import Tracker, errors
from consist.store import settings
from consist.store.places import find_place
from consist.store.settings import Setting, default_store, resolve

NAMES = ("store", "db_path", "run_dir", "storage_options", "cache_limit")


@pytest.fixture(autouse=True)
def _in_project(tmp_path, monkeypatch):
    (tmp_path / "project/deep/er").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "project/deep/er")


@pytest.fixture
def project(tmp_path):
    return tmp_path / "project"


def test_nothing_said_is_the_default():
    found = resolve(db_path=None)
    assert tuple(found) == NAMES
    assert found["db_path"] == Setting(".consist/index.lmdb", "default")
    assert found["run_dir"] == Setting(".consist/runs", "default")
    assert found["store"] == Setting(None, "default")
    assert found["storage_options"] == Setting(None, "default")
    assert found["cache_limit"] == Setting(None, "default")


@pytest.mark.parametrize(
    ("name", "variable"), [("store", "CONSIST_STORE"), ("db_path", "CONSIST_DB"), ("run_dir", "CONSIST_RUN_DIR")]
)
def test_each_place_gives_way_to_the_one_before_it(project, monkeypatch, name, variable):
    (project / "pyproject.toml").write_text(f'[tool.consist]\n{name} = "from-pyproject"\n')
    assert resolve(**{name: None})[name] == Setting(str(project / "from-pyproject"), str(project / "pyproject.toml"))
    (project / "consist.toml").write_text(f'{name} = "from-toml"\n')
    assert resolve()[name] == Setting(str(project / "from-toml"), str(project / "consist.toml"))
    monkeypatch.setenv(variable, "from-environment")
    assert resolve(**{name: None})[name] == Setting("from-environment", f"environment variable {variable}")
    assert resolve(**{name: "from-argument"})[name] == Setting("from-argument", "argument")
    monkeypatch.setenv(variable, "")
    assert resolve()[name].value == str(project / "from-toml")


def test_the_nearest_file_counts_alone(project):
    (project / "consist.toml").write_text('store = "far"\nrun_dir = "runs"\n')
    (project / "deep/consist.toml").write_text('store = "near"\n')
    found = resolve()
    assert found["store"].value == str(project / "deep/near")
    assert found["run_dir"].origin == "default"


def test_a_pyproject_that_says_nothing_of_consist_is_passed_over(project):
    (project / "consist.toml").write_text('store = "far"\n')
    (project / "deep/er/pyproject.toml").write_text('[project]\nname = "theirs"\n')
    (project / "deep/pyproject.toml").write_text("tool = 7\n")
    assert resolve()["store"].value == str(project / "far")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('store = "/absolute"', "/absolute"),
        ('store = "s3://bucket/folder"', "s3://bucket/folder"),
        ('store = "memory://x"', "memory://x"),
    ],
)
def test_what_is_not_relative_stays(project, text, value):
    (project / "consist.toml").write_text(text)
    assert resolve()["store"].value == value


def test_storage_options_are_a_table(project):
    (project / "pyproject.toml").write_text(
        '[tool.consist.storage_options]\nendpoint_url = "http://here"\nanon = true\n'
    )
    assert resolve()["storage_options"].value == {"endpoint_url": "http://here", "anon": True}


def test_a_limit_is_a_number_wherever_it_comes_from(project, monkeypatch):
    (project / "consist.toml").write_text("cache_limit = 2_000\n")
    assert resolve()["cache_limit"] == Setting(2000, str(project / "consist.toml"))
    monkeypatch.setenv("CONSIST_CACHE_LIMIT", "0")
    assert resolve()["cache_limit"] == Setting(0, "environment variable CONSIST_CACHE_LIMIT")
    assert resolve(cache_limit=7)["cache_limit"] == Setting(7, "argument")
    monkeypatch.setenv("CONSIST_CACHE_LIMIT", "1.5 GiB")
    assert resolve()["cache_limit"].value == 3 << 29
    for wrong in ("1 GiBB", "-1", "1_000", "²"):
        monkeypatch.setenv("CONSIST_CACHE_LIMIT", wrong)
        with pytest.raises(errors.SettingsError, match=f"CONSIST_CACHE_LIMIT is '{wrong}' .give bytes, 0 or more, or"):
            resolve()
    monkeypatch.delenv("CONSIST_CACHE_LIMIT")
    (project / "consist.toml").write_text('cache_limit = "10GiB"\n')
    assert resolve()["cache_limit"] == Setting(10 << 30, str(project / "consist.toml"))


@pytest.mark.parametrize(
    ("key", "near"),
    [("stroe", "store"), ("dbpath", "db_path"), ("run-dir", "run_dir"), ("storage_option", "storage_options")],
)
@pytest.mark.parametrize("file", ["consist.toml", "pyproject.toml"])
def test_an_unknown_key_names_the_nearest(project, file, key, near):
    head = "[tool.consist]\n" if file == "pyproject.toml" else ""
    (project / file).write_text(f'{head}{key} = "x"\n')
    with pytest.raises(
        errors.SettingsError, match=rf"unknown setting '{key}' in .*/{file} \(did you mean '{near}'\?\)"
    ):
        resolve()


@pytest.mark.parametrize("table", ["tool.consits", "tool.Consist", "consist", "tool.conist"])
def test_a_table_that_is_nearly_ours_names_ours(project, table):
    (project / "pyproject.toml").write_text(f'[{table}]\nstore = "x"\n')
    with pytest.raises(errors.SettingsError, match=rf"unknown table \[{table}\] in .* \(did you mean \[tool.consist\]"):
        resolve()


@pytest.mark.parametrize(
    "text", ["[tool.consist-plugin]\nlevel = 3", '[tool.other]\nstore = "x"', '[store]\nstore = "x"']
)
def test_tables_of_others_are_theirs(project, text):
    (project / "pyproject.toml").write_text(text)
    assert resolve()["store"].origin == "default"


def test_an_unknown_key_like_none_lists_all(project):
    (project / "consist.toml").write_text("zzz = 1\n")
    with pytest.raises(errors.SettingsError, match="there are cache_limit, db_path, run_dir, storage_options, store"):
        resolve()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("store = 7", r"the setting 'store' in .* is int, not str \(give a path, as text: in quotes\)"),
        ("db_path = results/a.lmdb", r"Invalid value .*text stands in quotes: db_path = "),
        ('[consist]\nstore = "x"', "unknown setting 'consist' in .*settings stand without a table"),
        ('[tool.consist]\nstore = "x"', "unknown setting 'tool' in .*settings stand without a table"),
        (
            '[storage_options]\nanon = true\nstore = "x"',
            "'store' in .* is within storage_options .write its line above",
        ),
        ('storage_options = "x"', "the setting 'storage_options' in .* is str, not dict"),
        ('cache_limit = "1 GiBB"', "the setting 'cache_limit' in .* is '1 GiBB' .*with a unit"),
        ("cache_limit = true", "the setting 'cache_limit' in .* is bool, not int"),
        ("cache_limit = -1", r"the setting 'cache_limit' in .* is -1 \(give bytes, 0 or more"),
        ("db_path = []", "the setting 'db_path' in .* is list, not str"),
        ('store = "s3:/cas/x"', r"s3:/cas/x is no URL.*\(write s3://cas/x;"),
        ('store = "s3:lab/team"', r"s3:lab/team is no URL.*\(write s3://lab/team;"),
        ("store = ", "cannot read the settings in .*consist.toml"),
    ],
)
def test_bad_values_are_named(project, text, message):
    (project / "consist.toml").write_text(text)
    with pytest.raises(errors.SettingsError, match=message):
        resolve()


def test_a_folder_in_place_of_the_file_is_not_passed_over(project):
    (project / "consist.toml").mkdir()
    with pytest.raises(errors.SettingsError, match=r"consist.toml is a folder, and no settings file"):
        resolve()


@pytest.mark.parametrize(
    ("variable", "said"),
    [
        ("CONSIST_DB_PATH", "did you mean CONSIST_DB"),
        ("CONSIST_STROE", "did you mean CONSIST_STORE"),
        ("CONSIST_RUNDIR", "did you mean CONSIST_RUN_DIR"),
        ("CONSIST_EXPLIAN", "did you mean CONSIST_EXPLAIN"),
        ("CONSIST_STORAGE_OPTIONS", "storage_options is set by argument or in a settings file only"),
    ],
)
@pytest.mark.parametrize(("first", "second"), [(find_place, Tracker), (Tracker, find_place)])
def test_a_variable_that_nearly_is_ours_is_warned_of_once(monkeypatch, variable, said, first, second):
    monkeypatch.setattr(settings, "_said", {})
    monkeypatch.setenv(variable, "x")
    with pytest.warns(errors.ConsistWarning, match=f"the environment variable {variable} is ignored .{said}"):
        first()
    second()  # as `consist exec` does: a second warning would be an error here


def test_other_variables_are_somebody_elses(project, monkeypatch):
    for variable in ("CONSIST_EXPLAIN", "CONSIST_TESTS_GIB", "CONSIST_HTTP_ADDR", "CONSISTENT", "CONSUL_STORE"):
        monkeypatch.setenv(variable, "1")
    find_place()


def test_a_table_that_is_none(project):
    (project / "pyproject.toml").write_text("tool.consist = 3\n")
    with pytest.raises(errors.SettingsError, match="are no table"):
        resolve()


def test_a_file_that_is_not_needed_is_not_read(project):
    (project / "consist.toml").write_text("nonsense")
    given = {"store": "s", "db_path": "d", "run_dir": "r", "storage_options": {"a": 1}, "cache_limit": 0}
    assert {name: setting.value for name, setting in resolve(**given).items()} == given


@pytest.mark.parametrize(
    ("db_path", "store"),
    [
        ("./provenance.duckdb", "provenance.store"),
        ("/a/index.lmdb", "/a/index.store"),
        ("/a/index", "/a/index.store"),
        ("/a.b/index", "/a.b/index.store"),
    ],
)
def test_the_store_lies_beside_the_index(db_path, store):
    assert default_store(db_path) == store


def test_a_tracker_goes_by_the_settings(project, monkeypatch):
    (project / "consist.toml").write_text('db_path = "state/any.name"\nrun_dir = "runs"\n')
    with Tracker() as tracker:
        tracker.run(pow, name="power", config={"base": 2, "exp": 3})
        assert tracker.run_dir == project / "runs"
    assert (project / "state/any.name").is_file()
    assert (project / "state/any.store/consist.json").is_file()
    monkeypatch.setenv("CONSIST_DB", "mine.lmdb")
    assert Tracker().db_path == Path.cwd() / "mine.lmdb"
    tracker.store.index.close()


@pytest.mark.parametrize("path", ["/", "", ".", ".."])
def test_a_path_without_a_name_has_no_store_beside_it(path):
    with pytest.raises(errors.SettingsError, match="cannot be an index"):
        default_store(path)


def test_a_size_of_nothing_is_no_size(project):
    (project / "consist.toml").write_text('cache_limit = ""\n')
    with pytest.raises(errors.SettingsError, match=r"the setting 'cache_limit' in .* is '' \(give bytes"):
        resolve()


@pytest.mark.parametrize("key", ["store", "db_path", "run_dir"])
@pytest.mark.parametrize("value", ["", " ", "\\t\\n"])
def test_a_place_of_blanks_is_none(project, key, value):
    (project / "consist.toml").write_text(f'{key} = "{value}"\n')
    with pytest.raises(errors.SettingsError, match=rf"the setting '{key}' in .*consist.toml names no place"):
        resolve()
