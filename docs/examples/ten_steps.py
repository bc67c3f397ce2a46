"""Ten cached steps over the Palmer penguins, from a file to a score, under three strengths of regularisation.

Each strength is a scenario. What does not depend on it is run once and found again by the others; then the scenarios
are compared in one table. Needs `pip install palmerpenguins pandas pyarrow scikit-learn`.
"""

from importlib.resources import files
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, confusion_matrix
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

from consist import Tracker

STRENGTHS = (0.001, 0.01, 1.0)  # the inverse of the regularisation; 1.0 is scikit-learn's own
NUMBERS = ["bill_length_mm", "bill_depth_mm", "flipper_length_mm", "body_mass_g"]


def read(raw: Path) -> pd.DataFrame:
    """Read the measurements."""
    return pd.read_csv(raw)


def clean(birds: pd.DataFrame) -> pd.DataFrame:
    """Drop birds with missing measurements."""
    return birds.dropna().reset_index(drop=True)


def describe(cleaned: pd.DataFrame) -> pd.DataFrame:
    """Average each measurement by species."""
    return cleaned.groupby("species")[NUMBERS].mean()


def encode(cleaned: pd.DataFrame) -> dict:
    """Make columns of numbers of sex and island, and split off what is to be found out."""
    features = pd.get_dummies(cleaned[[*NUMBERS, "sex", "island"]], columns=["sex", "island"], dtype=float)
    return {"features": features, "species": cleaned["species"]}


def split(features: pd.DataFrame, species: pd.Series, share: float, seed: int) -> dict:
    """Keep a share of the birds of each species for the test."""
    parts = train_test_split(features, species, test_size=share, random_state=seed, stratify=species)
    return dict(zip(("train", "test", "train_species", "test_species"), parts, strict=True))


def measure(train: pd.DataFrame) -> dict:
    """Measure by what the columns are to be scaled."""
    scaler = StandardScaler().fit(train)
    return {"mean": scaler.mean_, "spread": scaler.scale_}


def scale(train: pd.DataFrame, test: pd.DataFrame, mean: np.ndarray, spread: np.ndarray) -> dict:
    """Scale both parts by what was measured on the first."""
    return {"scaled_train": (train.to_numpy() - mean) / spread, "scaled_test": (test.to_numpy() - mean) / spread}


def fit(scaled_train: np.ndarray, train_species: pd.Series, strength: float) -> dict:
    """Fit a model; what is kept of it is numbers, which any program can read."""
    model = LogisticRegression(C=strength, max_iter=1000).fit(scaled_train, train_species)
    return {"weights": model.coef_, "offsets": model.intercept_, "names": [str(name) for name in model.classes_]}


def predict(scaled_test: np.ndarray, weights: np.ndarray, offsets: np.ndarray, names: list) -> list:
    """Name the species of the birds that the model has not seen."""
    return [names[place] for place in np.argmax(scaled_test @ weights.T + offsets, axis=1)]


def score(predicted: list, test_species: pd.Series) -> dict:
    """Say how often the model is right, and what it takes for what."""
    truth = test_species.tolist()
    return {"accuracy": float(accuracy_score(truth, predicted)), "confused": confusion_matrix(truth, predicted)}


def run_scenario(tracker: Tracker, raw: Path, strength: float) -> str:
    """Run the ten steps under one strength; return the scenario's id."""
    setting = {"strength": strength}
    with tracker.scenario("penguins", config=setting, require_outputs=["accuracy"]) as scenario:
        scenario.run(read, inputs={"raw": raw}, outputs=["birds"])
        scenario.run(clean, inputs=["birds"], outputs=["cleaned"])
        scenario.run(describe, inputs=["cleaned"], outputs=["means"])
        scenario.run(encode, inputs=["cleaned"], outputs=["features", "species"])
        scenario.run(split, inputs=["features", "species"], config={"share": 0.3, "seed": 7})
        scenario.run(measure, inputs=["train"])
        scenario.run(scale, inputs=["train", "test", "mean", "spread"])
        scenario.run(fit, inputs=["scaled_train", "train_species"], config=setting)
        scenario.run(predict, inputs=["scaled_test", "weights", "offsets", "names"], outputs=["predicted"])
        scenario.run(score, inputs=["predicted", "test_species"])
        return scenario.run_id


def compare(tracker: Tracker, scenarios: list) -> pd.DataFrame:
    """Put scenarios side by side: what they were told, what came out, and how many of their steps ran for them."""
    rows = []
    for scenario_id in scenarios:
        scenario = tracker.get_run(scenario_id)
        steps = {run.step: run for run in tracker.find_runs(parent_id=scenario_id)}
        executed = [run.step for run in steps.values() if run.record.parent == scenario_id]
        scored = tracker.outputs_of(steps["score"])
        weights = tracker.outputs_of(steps["fit"])["weights"].load()
        rows.append(
            {
                "strength": scenario.config["strength"],
                "accuracy": scored["accuracy"].load(),
                "largest_weight": float(np.abs(weights).max()),
                "steps": len(steps),
                "executed": len(executed),
            }
        )
    return pd.DataFrame(rows)


if __name__ == "__main__":
    with Tracker(run_dir="./runs", db_path="./penguins.lmdb") as tracker:
        raw = files("palmerpenguins") / "data" / "penguins.csv"
        scenarios = [run_scenario(tracker, raw, strength) for strength in STRENGTHS]
        print(compare(tracker, scenarios).to_string(index=False))
