"""What changed while a function ran is said; that it was the first to use a library is no change."""

from __future__ import annotations

import json
import os
import subprocess
import sys

PROGRAM = """
import json, sys
import consist

def draw(n):
    import matplotlib.pyplot as plt
    figure, axes = plt.subplots()
    axes.imshow([[n, 2]], cmap=plt.cm.viridis)
    axes.set_facecolor(plt.colormaps["magma"](0.5))
    axes.set_xlabel("n", size=plt.rcParams["font.size"])
    plt.close(figure)
    return figure

assert "matplotlib" not in sys.modules
with consist.Tracker(run_dir="runs", db_path="index.lmdb") as tracker:
    results = [tracker.run(draw, config={"n": 1}) for _ in range(2)]
print(json.dumps([[result.cache_hit, result.run.record.notes] for result in results]))
"""


def test_a_body_that_is_the_first_to_import_a_library(tmp_path):
    (tmp_path / "draws.py").write_text(PROGRAM)
    found = []
    for _ in range(2):  # the second process finds what the first one made
        done = subprocess.run(
            [sys.executable, "draws.py"],
            cwd=tmp_path,
            env={**os.environ, "MPLBACKEND": "agg", "PYTHONPATH": os.pathsep.join(sys.path)},
            check=False,
            capture_output=True,
            text=True,
        )
        assert not done.returncode, done.stderr
        assert "Warning" not in done.stderr
        found += json.loads(done.stdout)
    assert found == [[False, []], [True, []], [True, []], [True, []]]
