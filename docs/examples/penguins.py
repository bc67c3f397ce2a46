"""Two cached steps over the Palmer penguins: clean the measurements, then summarise them by species.

Run it twice: the second time both steps are hits. Change MIN_MASS and both run again, since the cleaned table is
another one; change HEAVY and only the summary does. Needs `pip install palmerpenguins` (which brings pandas).
"""

from importlib.resources import files
from pathlib import Path

import pandas as pd

from consist import Tracker

MIN_MASS = 3000  # grams; lighter birds are left out
HEAVY = 5000  # grams; birds from here on are counted as heavy


def clean(raw: Path, min_mass: int) -> Path:
    """Drop birds with missing measurements, and those below a mass."""
    print(f"cleaning, at least {min_mass} g")
    birds = pd.read_csv(raw).dropna()
    cleaned = Path("penguins-clean.csv")
    birds[birds.body_mass_g >= min_mass].to_csv(cleaned, index=False)
    return cleaned


def summarise(cleaned: Path, heavy: int) -> dict:
    """Count the birds of each species, and the heavy ones, and average their mass."""
    print(f"summarising, heavy from {heavy} g")
    birds = pd.read_csv(cleaned)
    return {
        species: {
            "birds": len(group),
            "heavy": int((group.body_mass_g >= heavy).sum()),
            "mean_mass_g": round(float(group.body_mass_g.mean()), 1),
        }
        for species, group in birds.groupby("species")
    }


if __name__ == "__main__":
    raw = files("palmerpenguins") / "data" / "penguins.csv"
    with Tracker(run_dir="./runs", db_path="./penguins.lmdb") as tracker:
        cleaned = tracker.run(clean, inputs={"raw": raw}, config={"min_mass": MIN_MASS}, outputs=["cleaned"])
        summary = tracker.run(
            summarise,
            inputs={"cleaned": cleaned.outputs["cleaned"]},
            config={"heavy": HEAVY},
            outputs=["summary"],
        )
    for result in (cleaned, summary):
        print(result.run.step, result.run.id, "hit" if result.cache_hit else "miss")
    for species, numbers in summary.value.items():
        print(species, numbers)
