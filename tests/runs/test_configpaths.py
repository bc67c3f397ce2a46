"""A path in a config counts by its name alone: one that leads to something is warned of, unless that counts too."""

from __future__ import annotations

import dataclasses
from pathlib import Path, PurePosixPath

import pydantic
import pytest

from consist import CodeOptions, ExecutionOptions, errors
from consist.identity.config import config_identity
from consist.runs import configpaths


@pytest.fixture(autouse=True)
def _in_folder(tmp_path, monkeypatch):
    monkeypatch.setattr(configpaths, "_warned", set())
    monkeypatch.chdir(tmp_path)
    Path("raw.csv").write_text("1")
    Path("folder").mkdir()
    Path("folder/inner.csv").write_text("1")


@dataclasses.dataclass
class Settings:
    raw: Path


class Model(pydantic.BaseModel):
    raw: Path


def read(**given) -> int:
    return len(given)


def write(**given) -> int:
    Path("raw.csv").write_text("2")
    Path("folder/out.csv").write_text("2")
    Path("folder/out").mkdir()
    Path("folder/out/captured.csv").write_text("2")
    return len(given)


def test_it_is_said_once_a_step_and_key_and_names_the_ways_out(tracker):
    with pytest.warns(errors.IdentityWarning) as told:
        runs = [tracker.run(read, config={"path": Path("raw.csv"), "n": 1}) for _ in range(2)]
    (said,) = told
    assert said.filename == __file__
    assert runs[1].cache_hit
    assert str(said.message) == (
        "config['path'] of step 'read' is the path of a file that is there, and in a config only the name counts: once"
        " the file is edited, the earlier result is found (give it in inputs={…}, by its content; or as str(path), if"
        " the name itself is meant)"
    )
    with pytest.warns(
        errors.IdentityWarning, match=r"config\['other'\] of step 'read' is the path of a folder that is"
    ):
        tracker.run(read, config={"path": Path("raw.csv"), "other": Path("folder").absolute()})
    with pytest.warns(errors.IdentityWarning, match=r"config\['path'\] of step 'second'"):
        tracker.run(read, name="second", config={"path": Path("raw.csv")})


@pytest.mark.parametrize(
    ("config", "where"),
    [
        ({"a": {"b": [0, Path("raw.csv")]}}, r"config\['a'\]\['b'\]\[1\] of"),
        ({"a": (Settings(Path("raw.csv")),)}, r"config\['a'\]\[0\]\.raw of"),
        ({"a": Model(raw="raw.csv")}, r"config\['a'\]\.raw of"),
        (Settings(Path("raw.csv")), r"config\['raw'\] of"),
    ],
    ids=["dict", "dataclass", "model", "as the config"],
)
def test_it_is_named_wherever_it_sits(tracker, config, where):
    with pytest.warns(errors.IdentityWarning, match=where):
        tracker.run(read, config=config)


@pytest.mark.parametrize(
    ("fn", "given"),
    [
        (read, {"config": {"path": "raw.csv"}}),
        (read, {"config": {"path": PurePosixPath("raw.csv")}}),
        (read, {"config": {"path": Path("nowhere.csv")}}),
        (read, {"config": {"path": Path("x" * 300)}}),
        (read, {"config": {"path": Path("raw.csv")}, "depends_on": ["raw.csv"]}),
        (read, {"config": {"path": Path("raw.csv")}, "code_options": CodeOptions(code=[Path("raw.csv")])}),
        (read, {"config": {"path": Path("folder/inner.csv")}, "inputs": {"folder": "folder"}}),
        (write, {"config": {"path": Path("raw.csv")}, "output_paths": {"out": "raw.csv"}}),
        (write, {"config": {"path": Path("folder")}, "output_paths": {"out": "folder/out.csv"}}),
        (write, {"config": {"path": Path("folder")}, "execution_options": ExecutionOptions(capture_dir="folder/out")}),
    ],
    ids=["text", "pure", "not there", "too long", "depends_on", "code", "input", "output", "outputs", "captured"],
)
def test_what_is_meant_so_is_not_warned_of(tracker, fn, given):
    assert tracker.run(fn, **given).run.status == "completed"  # in tests a warning is an error


def test_a_config_without_paths_is_not_walked_for_them(tracker, monkeypatch):
    monkeypatch.setattr(configpaths, "_paths_in", None)
    assert tracker.run(read, config={"n": [1, "raw.csv"]}).value == 1
    assert not config_identity({"n": {"m": ["raw.csv"]}}).has_paths
    assert config_identity({"n": {"m": [Path("raw.csv")]}}).has_paths
