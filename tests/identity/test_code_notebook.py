"""A real notebook: nbclient runs a real ``.ipynb`` in a real kernel, whose cells keep one store between runs."""

import os
import sys
import textwrap

import nbclient
import nbformat
import pytest

SETUP = """
    from consist import Tracker
    tracker = Tracker(run_dir="runs", db_path="index.lmdb", durable=False)
"""
UNRELATED = """
    def unrelated(x):
        return "unrelated"
"""
HELPER = """
    SCALE = 2

    def helper(x):
        return x * SCALE
"""
STEP = """
    def step(x):
        # doubles
        return helper(x) + 1
"""
RUN = """
    ran = tracker.run(step, config={"x": 5})
    tracker.close()
    print(ran.cache_hit, ran.value)
"""
CELLS = {"setup": SETUP, "unrelated": UNRELATED, "helper": HELPER, "step": STEP, "run": RUN}


def _execute(folder, cells):
    """Write the notebook, run it from top to bottom in a kernel of its own, and return what its cells printed."""
    path = folder / "analysis.ipynb"
    made = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(textwrap.dedent(cell)) for cell in cells])
    nbformat.write(made, path)
    notebook = nbformat.read(path, as_version=4)
    where = {"metadata": {"path": str(folder)}}
    nbclient.NotebookClient(notebook, timeout=120, kernel_name="python3", resources=where).execute()
    assert all(output.name == "stdout" for cell in notebook.cells for output in cell.outputs)
    printed = ["".join(output.text for output in cell.outputs) for cell in notebook.cells]
    return [text.split() for text in printed if text]


@pytest.fixture(autouse=True)
def _path_of_kernels(monkeypatch):
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(sys.path))


@pytest.mark.slow
def test_a_notebook_run_again_and_edited(tmp_path):
    edits = [
        ("run for the first time", {}, ["False", "11"]),
        ("run again", {}, ["True", "11"]),
        ("another comment", {"step": STEP.replace("doubles", "doubles, plus one")}, ["True", "11"]),
        ("an unrelated cell", {"unrelated": UNRELATED.replace('"unrelated"', '"edited"')}, ["True", "11"]),
        ("the cell itself", {"step": STEP.replace("+ 1", "+ 2")}, ["False", "12"]),
        ("a helper in another cell", {"helper": HELPER.replace("x * SCALE", "x * SCALE * 10")}, ["False", "101"]),
        ("a value in another cell", {"helper": HELPER.replace("SCALE = 2", "SCALE = 3")}, ["False", "16"]),
        ("all edits undone", {}, ["True", "11"]),
    ]
    for edit, changed, expected in edits:
        assert _execute(tmp_path, (CELLS | changed).values()) == [expected], edit


@pytest.mark.slow
def test_cells_edited_and_run_again_in_one_kernel(tmp_path):
    """As people work: a cell is run anew, and then the one that calls it; nobody starts over."""
    changes = [
        ("", "False 11"),
        (STEP, "True 11"),
        (STEP.replace("doubles", "doubles, plus one"), "True 11"),
        (UNRELATED, "True 11"),
        (STEP.replace("+ 1", "+ 2"), "False 12"),
        (HELPER.replace("SCALE = 2", "SCALE = 3"), "False 17"),
        (STEP + HELPER, "True 11"),
    ]
    cells = [SETUP, HELPER, STEP]
    for cell, _ in changes:
        cells += [cell, RUN]
    assert _execute(tmp_path, cells) == [expected.split() for _, expected in changes]
