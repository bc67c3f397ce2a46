"""A sweep in a real notebook: nbclient runs it in a kernel, the test computes the numbers by itself."""

from __future__ import annotations

import base64
import json
import os
import sys
import textwrap

import nbclient
import nbformat
import pytest

SETUP = """
    import json
    from matplotlib.figure import Figure
    from consist import Tracker
    tracker = Tracker(run_dir="runs", db_path="index.lmdb", durable=False)
"""
STEP = """
    def grow(rate, seed):
        level = 1 + seed % 7
        for _ in range(20):
            level = level * (1 + rate) % 1000
        return {"level": level, "odd": seed % 2 == 1}
"""
SWEEP = """
    results = [
        tracker.run(grow, config={"rate": rate / 10, "seed": seed}, facet={"rate": rate})
        for rate in range(30) for seed in range(10)
    ]
    table = tracker.run_set(results).to_pandas(values=["level", "odd"])
    print(json.dumps({
        "hits": sum(result.cache_hit for result in results),
        "rows": table[["config.rate", "config.seed", "facet.rate", "level", "odd"]].values.tolist(),
    }))
"""
CHART = """
    def chart(levels):
        figure = Figure(figsize=(3, 2), dpi=50)
        figure.subplots().plot(levels)
        return figure

    means = table.groupby("config.rate")["level"].mean()
    drawn = tracker.run(chart, config={"levels": means.tolist()}, outputs=["chart"])
    print(json.dumps({"hit": drawn.cache_hit}))
    drawn.outputs["chart"]
"""
SHOW = "tracker.run_set(results[:3])"
CLOSE = "tracker.close()"


def step(rate, seed):
    """What the notebook's function does, without it."""
    level = 1 + seed % 7
    for _ in range(20):
        level = level * (1 + rate) % 1000
    return [level, seed % 2 == 1]


@pytest.fixture(autouse=True)
def _path_of_kernels(monkeypatch):
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(sys.path))


def execute(folder, *cells):
    """Run cells in a kernel of their own; return what each printed, as JSON, and what each showed."""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(textwrap.dedent(cell)) for cell in cells])
    where = {"metadata": {"path": str(folder)}}
    nbclient.NotebookClient(notebook, timeout=120, kernel_name="python3", resources=where).execute()
    outputs = [output for cell in notebook.cells for output in cell.outputs]
    assert {output.get("name", "stdout") for output in outputs} <= {"stdout"}
    # One print arrives in one part or in several: what is whole is the line.
    text = "".join(output.text for output in outputs if output.output_type == "stream")
    printed = [json.loads(line) for line in text.splitlines()]
    shown = [output.data for output in outputs if output.output_type == "execute_result"]
    return printed, shown


@pytest.mark.slow
def test_a_sweep_of_300_runs_a_figure_and_a_cell_that_is_edited(tmp_path):
    expected = [[rate / 10, seed, rate, *step(rate / 10, seed)] for rate in range(30) for seed in range(10)]
    edited_step = STEP.replace("1 + seed % 7", "2 + seed % 7")

    (swept, charted), (image, runs) = execute(tmp_path, SETUP, STEP, SWEEP, CHART, SHOW, CLOSE)
    assert swept == {"hits": 0, "rows": expected}
    assert charted == {"hit": False}
    html = image["text/html"]
    png = base64.b64decode(html.partition("base64,")[2].partition('"')[0])
    assert png.startswith(b"\x89PNG")
    assert b"\x00\x00\x00\x96\x00\x00\x00\x64" in png[:32]  # 150 x 100
    assert runs["text/html"].count("<tr>") == 1 + 3
    assert "rate" in runs["text/html"]

    # Run again, then the cell is edited and run, then undone: what the table holds is what the cell says.
    cells = [SETUP, STEP, SWEEP, CHART, SHOW, edited_step, SWEEP, STEP, SWEEP, CLOSE]
    (again, charted, edited, undone), (same, _) = execute(tmp_path, *cells)
    assert again == undone == {"hits": 300, "rows": expected}
    assert charted == {"hit": True}
    assert same["text/html"] == html
    assert edited["hits"] == 0
    assert [row[:3] for row in edited["rows"]] == [row[:3] for row in expected]
    assert edited["rows"] != expected
