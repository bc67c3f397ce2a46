"""The pipeline of ten steps: its numbers are scikit-learn's own, and only what depends on the parameter runs again."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "docs" / "examples" / "ten_steps.py"
STRENGTHS = [0.001, 0.01, 1.0]


@pytest.fixture
def printed(tmp_path):
    """Run the program, and read the table that it prints."""
    pd = pytest.importorskip("pandas")
    for library in ("palmerpenguins", "pyarrow", "sklearn"):
        pytest.importorskip(library)

    def run():
        command = [sys.executable, "-W", "error", str(EXAMPLE)]
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        done = subprocess.run(command, cwd=tmp_path, check=True, capture_output=True, text=True, env=environment)
        assert done.stderr == ""
        return pd.read_csv(io.StringIO(done.stdout), sep=r"\s+")

    return run


def scores_by_scikit_learn():
    """Do the same work with nothing of consist and nothing of the program."""
    import pandas as pd
    from palmerpenguins import load_penguins
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import train_test_split
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    birds = load_penguins().dropna()
    features = pd.get_dummies(birds.drop(columns=["species", "year"]), dtype=float)
    parts = train_test_split(features, birds.species, test_size=0.3, random_state=7, stratify=birds.species)
    train, test, train_species, test_species = parts
    for strength in STRENGTHS:
        model = make_pipeline(StandardScaler(), LogisticRegression(C=strength, max_iter=1000))
        model.fit(train, train_species)
        yield model.score(test, test_species), abs(model[-1].coef_).max()


def test_ten_steps_under_three_strengths(printed):
    first, again = printed(), printed()
    assert first.strength.tolist() == STRENGTHS
    assert first.executed.tolist() == [10, 3, 3]
    assert again.executed.tolist() == [0, 0, 0]
    assert again.drop(columns="executed").equals(first.drop(columns="executed"))
    assert first.steps.tolist() == [10, 10, 10]
    for (_, row), (accuracy, weight) in zip(first.iterrows(), scores_by_scikit_learn(), strict=True):
        assert row.accuracy == pytest.approx(accuracy, abs=1e-9)
        assert row.largest_weight == pytest.approx(weight, rel=1e-4)
    assert len(set(first.accuracy)) == 3
