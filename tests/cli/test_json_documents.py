"""Every JSON document is what docs/reference/json.md says: the same members, of the types named there."""

import importlib.util
import json
import re
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest

from consist.cli.app import VERBS

REFERENCE = Path(__file__).parents[2] / "docs" / "reference"

_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")
_DIGEST = re.compile(r"[0-9a-f]{64}")
_SIMPLE = {
    "string": lambda value: isinstance(value, str),
    "integer": lambda value: type(value) is int,
    "number": lambda value: type(value) in {int, float},
    "boolean": lambda value: type(value) is bool,
    "object": lambda value: isinstance(value, dict),
    "null": lambda value: value is None,
    "any value": lambda _: True,
    "time": lambda value: isinstance(value, str) and _TIME.fullmatch(value),
    "digest": lambda value: isinstance(value, str) and _DIGEST.fullmatch(value),
}


def load_generator():
    spec = importlib.util.spec_from_file_location("schemas", REFERENCE / "schemas.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def shapes():
    """Read the page: by heading, the type of each member."""
    return load_generator().read_page((REFERENCE / "json.md").read_text(encoding="utf-8"))


def schema_of(document):
    """Read the schema that a document names."""
    return json.loads((REFERENCE / "schemas" / f"{document['shape']}.json").read_text(encoding="utf-8"))


def check(value, kind, where, known):
    """Compare a value with the name of a type on the page."""
    options = kind.split(" or ")
    if any(option in _SIMPLE and _SIMPLE[option](value) for option in options):
        return
    for option in options:
        inner = option.removeprefix("array of ")
        if inner != option:
            assert isinstance(value, list), where
            for number, item in enumerate(value):
                check(item, inner, f"{where}[{number}]", known)
            return
        if (link := re.fullmatch(r"\[(.+)\]\(#.+\)", option)) is not None:
            check_object(value, link[1], where, known)
            return
    pytest.fail(f"{where} is {value!r}, not {kind}")


def check_object(value, title, where, known):
    assert value.keys() == known[title].keys(), where
    for name, (kind, _) in known[title].items():
        check(value[name], kind, f"{where}.{name}", known)


def verbs(world):
    (world.folder / "file").write_bytes(b"\xff")
    (world.folder / "summary.json").write_bytes(b"\x00\xff\n")  # what `clean` returned as `raw`
    (world.folder / "pages" / "2026").mkdir(parents=True)
    (world.folder / "pages" / "2026" / "may").write_bytes(b"x")
    clean = world.runs["clean"].id
    return {
        "consist runs": [("runs",), ("runs", "--limit", "0"), ("runs", "--with", "config.limit,output.raw")],
        "consist show": [
            *(("show", run.id) for run in world.runs.values()),
            ("show", "steps/clean/table"),
            ("show", "summary.json"),
        ],
        "consist why": [
            ("why", clean),
            ("why", clean, world.runs["summarise"].id),
            ("why", world.runs["fail"].id),
            ("why", "steps/big/value", "summary.json"),
        ],
        "consist put": [("put", "file"), ("put", "pages")],
        "consist ls": [
            ("ls", "steps/put/pages"),
            ("ls", "steps/put/pages/2026/may"),
            ("ls",),
            ("ls", "runs"),
            ("ls", "steps"),
            ("ls", f"runs/{clean}"),
            ("ls", "blobs"),
            ("ls", "steps/big"),
        ],
        "consist cat": [("cat", "steps/clean/note", "steps/clean/raw", "steps/clean/table", "steps/summarise/summary")],
        "consist get": [("get", "steps/clean/table"), ("get", "steps/put/pages", "steps/clean/rows", "pages")],
        "consist artifacts": [("artifacts",), ("artifacts", "--limit", "0"), ("artifacts", "--run", clean)],
        "consist preview": [
            *(("preview", f"steps/clean/{key}") for key in ("table", "rows", "raw", "note")),
            ("preview", "steps/put/pages"),
            ("preview", "steps/big/value"),
        ],
        "consist diff": [("diff", clean, world.runs["fail"].id), ("diff", clean, clean)],
        "consist search": [("search", "clean"), ("search", "limit=3"), ("search", "nothing of that kind")],
        "consist summary": [("summary",)],
        "consist scenarios": [("scenarios",)],
        "consist lineage": [
            ("lineage", "steps/summarise/summary"),
            ("lineage", clean, "--both"),
            ("lineage", "summary.json", "--down"),
        ],
        "consist tag": [("tag", clean, "new", "all")],
        "consist untag": [("untag", clean, "new")],
        "consist pin": [("pin", clean, "--reason", "why not"), ("pin", clean)],
        "consist unpin": [("unpin", clean)],
        "consist forget": [("forget", clean, "--dry-run"), ("forget", world.runs["big"].id, "--yes")],
        "consist export parquet": [("export", "parquet", "tables")],
        "consist exec": [("exec", "--db-path", world.db_path, "--json", "--", "true")] * 2,
        "consist du": [("du",), ("du", "steps/big"), ("du", f"runs/{clean}/table")],
        "consist verify": [("verify",), ("verify", "--read-data"), ("verify", "--read-data=0.5")],
        "consist doctor": [("doctor",), ("doctor", "--no-write")],
        "consist index rebuild": [("index", "rebuild")],
        "consist version": [("version",)],
    }


def test_every_document_has_the_members_and_types_of_the_page(world, ask, call):
    known = shapes()
    calls = verbs(world)
    assert calls.keys() == {title for title in known if title.startswith("consist ")}
    for title, lines in calls.items():
        for line in lines:
            out = (call(*line) if line[0] == "exec" else ask(*line, "--json")).out
            assert out.isascii()
            document = json.loads(out)
            check_object(document, title, " ".join(map(str, line)), known)
            assert f"`{document['shape']}`" == known[title]["shape"][1]
            jsonschema.validate(document, schema_of(document))


def test_a_schema_refuses_what_is_not_so(ask):
    document = json.loads(ask("runs", "--json").out)
    schema = schema_of(document)
    jsonschema.validate({**document, "more": 1}, schema)
    for name in ("run_id", "signature", "hits"):
        spoilt = {**document, "runs": [{**document["runs"][0], name: 1.5}]}
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(spoilt, schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"shape": document["shape"]}, schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**document, "shape": "consist.runs.v2"}, schema)


def test_the_schemas_are_what_the_page_says():
    script = REFERENCE / "schemas.py"
    done = subprocess.run([sys.executable, script, "--check"], capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, b"")


def test_every_verb_has_a_form():
    described = {title.split()[1] for title in shapes() if title.startswith("consist ")}
    assert described == set(VERBS)


def test_finding_of_verify_is_as_the_page_says(world, call):
    for path in (world.store / "packs").rglob("*"):
        if path.is_file():
            path.unlink()
    document = json.loads(call("verify", "--json", "--db-path", world.db_path).out)
    assert document["findings"]
    check_object(document, "consist verify", "verify", shapes())


def test_the_model_is_the_step_and_times_are_seconds(world, ask):
    runs = json.loads(ask("runs", "--json").out)["runs"]
    assert [run["model"] for run in runs] == ["fail", "big", "summarise", "clean"]
    by_model = {run["model"]: run for run in runs}
    assert by_model["clean"]["hits"] == 1
    assert by_model["clean"]["tags"] == ["all", "first"]
    assert by_model["fail"]["signature"] is None
    assert by_model["big"]["execution_time"] == pytest.approx(world.runs["big"].seconds)


def test_show_holds_config_and_error_as_they_were(world, ask):
    run = json.loads(ask("show", world.runs["clean"].id, "--json").out)["run"]
    assert run["config"] == {"limit": 3, "deep": {"sigma": "Infinity"}}
    assert [(item["key"], item["format"]) for item in run["outputs"]] == [
        ("table", "file"),
        ("rows", "plain"),
        ("raw", "bytes"),
        ("note", "plain"),
    ]
    run = json.loads(ask("show", world.runs["fail"].id, "--json").out)["run"]
    assert run["error"] == {"type": "RuntimeError", "message": "it\nrained"}


def test_cat_says_how_content_is_written(world, ask):
    out = ask("cat", "steps/clean/note", "steps/clean/raw", "steps/clean/table", "--json").out
    contents = json.loads(out)["contents"]
    assert [(item["encoding"], item["content"]) for item in contents] == [
        ("value", "fine — all of it"),
        ("base64", "AP8K"),
        ("utf-8", "a,b\n" + "1,2\n" * 3),
    ]
    (raw,) = json.loads(ask("cat", "steps/clean/rows", "--raw", "--json").out)["contents"]
    assert (raw["encoding"], raw["content"]) == ("utf-8", "\x03")
