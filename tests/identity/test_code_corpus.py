"""Pairs of edits, each in a process of its own, under two hash seeds: what must miss misses, what may hit hits.

The runner also calls the functions, so that a pair's label ("different" or "same") is checked against what they return.
"""

import json
import os
import pathlib
import subprocess
import sys

import pytest

FOLDER = pathlib.Path(__file__).parent / "corpus"
ADAPTER = FOLDER / "adapter.py"


def _run(corpus, tmp_path, **environment):
    out = tmp_path / "table.json"
    done = subprocess.run(
        [sys.executable, str(FOLDER / "run_corpus.py"), "--adapter", f"{ADAPTER}:ident", "--json", str(out)],
        env={**os.environ, "CONSIST_TEST_CORPUS": corpus, **environment},
        check=True,
        capture_output=True,
        text=True,
    )
    return json.loads(out.read_text()), done.stdout


def _cases(corpus):
    return {path.parent.name: json.loads(path.read_text()) for path in sorted((FOLDER / corpus).glob("*/verdict.json"))}


@pytest.mark.timeout(1200)  # some 200 pairs, each in processes of its own: a busy machine took over 300 s
@pytest.mark.slow
@pytest.mark.parametrize(
    ("corpus", "pairs", "right", "environment"),
    # The labels of the first were checked where it comes from; those of our own are checked here.
    [("corpus", 166, 162, {"CONSIST_TEST_NO_TRUTH": "1"}), ("own", 235, 231, {})],
    ids=["corpus", "own"],
)
def test_pairs_of_edits(corpus, pairs, right, environment, tmp_path):
    tables, printed = _run(corpus, tmp_path, **environment)
    assert "BROKEN CASE" not in printed
    assert "DISAGREES" not in printed, "a label that the functions themselves contradict"
    (rows,) = tables.values()
    bad = {name: row for name, row in rows.items() if row["bad"]}
    assert len(rows) == len(_cases(corpus)) == pairs
    assert len(rows) - len(bad) >= right, bad
    assert {name for name, row in bad.items() if row["bad"] != "STALE" or row["level"] != "hole"} == set(), bad


@pytest.mark.parametrize("corpus", ["corpus", "own"])
def test_every_hole_carries_a_warning(corpus, tmp_path):
    holes = [name for name, verdict in _cases(corpus).items() if verdict["level"] == "hole"]
    assert holes
    assert {name for name in holes if not _warns(corpus, name, tmp_path)} == set()


def _warns(corpus, name, tmp_path):
    """Ask the identity itself, on both sides of the pair."""
    program = (
        "import sys, json; sys.path[:0] = [{folder!r}]; sys.dont_write_bytecode = True\n"
        "import job; from consist.identity.code import code_identity\n"
        "print(json.dumps(code_identity(job.f).warnings))"
    )
    answers = []
    for side in ("before", "after"):
        folder = FOLDER / corpus / name / side
        code = program.format(folder=str(folder))
        path = os.pathsep.join([str(folder / "site-packages"), *sys.path])
        done = subprocess.run(
            [sys.executable, "-c", code],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": path},
            check=True,
            capture_output=True,
            text=True,
        )
        answers.append(json.loads(done.stdout))
    return all(answers)
