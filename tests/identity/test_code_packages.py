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
    "networkx.utils": """
        import networkx as nx
        from networkx import path_graph
        def f(x):
            return nx.pagerank(nx.cycle_graph(4)), path_graph(3), nx.shortest_path(nx.karate_club_graph(), 1, 3)
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
CALLED = ["pandas", "pydantic", "networkx", "networkx.utils", "attrs", "click"]
"""Those whose function needs no network, and changes nothing that it reads."""
PROGRAM = """
import json, sys
sys.path.insert(0, ".")
import job
from consist.identity.code import code_identity
found = code_identity(job.f)
if "called" in sys.argv:
    job.f(3)
print(json.dumps([found.digest.hex, code_identity(job.f).digest.hex, found.uncacheable]))
"""


def _ask(folder, seed, *arguments):
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *arguments],
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
    called = ["called"] if package in CALLED else []
    answers = [_ask(tmp_path, str(seed), *called) for seed in range(5)]
    assert len({digest for *both, _ in answers for digest in both}) == 1
    assert all(not uncacheable for _, _, uncacheable in answers), answers[0][2]


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
