"""Real packages: an identity that is quick, complete, and the same in every process."""

import json
import os
import subprocess
import sys
import textwrap

import pytest

STEPS = {
    "pandas": """
        import pandas as pd
        TABLE = pd.DataFrame({"a": [1, 2], "b": ["x", "y"]})
        def f(x):
            return pd.concat([TABLE, pd.DataFrame({"a": [x]})]).groupby("a").agg("sum")
        """,
    "pydantic": """
        from pydantic import BaseModel, Field, TypeAdapter, field_validator, validate_call
        class Params(BaseModel):
            a: int = Field(default=1, ge=0)
            b: list[str] = Field(default_factory=list)
            @field_validator("a")
            @classmethod
            def check(cls, v):
                return v
        GIVEN = Params(a=2)
        NUMBERS = TypeAdapter(list[int])
        @validate_call
        def doubled(a: int) -> int:
            return a * 2
        def f(x):
            return Params(a=x), GIVEN.a, NUMBERS.validate_python([x]), doubled(x)
        """,
    "requests": """
        import requests
        SESSION = requests.Session()
        def f(x):
            return SESSION.get(x).json(), requests.post(x)
        """,
    "sklearn": """
        from sklearn.linear_model import LogisticRegression
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler
        PIPE = make_pipeline(StandardScaler(), LogisticRegression(C=2))
        def f(x):
            return PIPE.fit(x, x), LogisticRegression()
        """,
    "networkx": """
        import networkx as nx
        GRAPH = nx.karate_club_graph()
        def f(x):
            return nx.pagerank(GRAPH)
        """,
    "attrs": """
        import attrs
        @attrs.define
        class Point:
            x: int = 1
            y: list = attrs.field(factory=list)
        def f(x):
            return Point(x)
        """,
    "click": """
        import click
        @click.command()
        @click.option("--n", default=1)
        def command(n):
            return n
        def f(x):
            return command
        """,
}
PROGRAM = """
import json, sys, time
sys.path.insert(0, ".")
import job
from consist.identity.code import code_identity
start = time.perf_counter()
found = code_identity(job.f)
print(json.dumps([found.digest.hex, found.uncacheable, time.perf_counter() - start]))
"""


def _ask(folder, seed):
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        cwd=folder,
        env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": os.pathsep.join(sys.path)},
        check=True,
        capture_output=True,
        text=True,
    )
    return json.loads(done.stdout)


@pytest.mark.slow
@pytest.mark.parametrize("package", STEPS)
def test_one_identity_in_every_process(package, tmp_path):
    pytest.importorskip(package)
    (tmp_path / "job.py").write_text(textwrap.dedent(STEPS[package]))
    answers = [_ask(tmp_path, str(seed)) for seed in range(5)]
    assert len({digest for digest, _, _ in answers}) == 1
    assert all(not uncacheable for _, uncacheable, _ in answers), answers[0][1]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("package", "old", "new"),
    [
        ("pandas", "[1, 2]", "[1, 3]"),
        ("pydantic", "ge=0", "ge=1"),
        ("pydantic", "a: int) -> int", "a: float) -> int"),
        ("sklearn", "C=2", "C=3"),
        ("networkx", "karate_club_graph()", "path_graph(3)"),
        ("attrs", "x: int = 1", "x: int = 2"),
        ("click", "default=1", "default=2"),
    ],
)
def test_an_edit_shows(package, old, new, tmp_path):
    pytest.importorskip(package)
    source = textwrap.dedent(STEPS[package])
    assert old in source
    digests = []
    for text in (source, source.replace(old, new)):
        (tmp_path / "job.py").write_text(text)
        digests.append(_ask(tmp_path, "random")[0])
    assert digests[0] != digests[1]
