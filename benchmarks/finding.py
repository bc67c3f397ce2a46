"""Finding runs from Python among many: `python benchmarks/finding.py [--runs N] [--rounds N] [--folder DIR]`.

The stores are those of `many.py`: one of so many runs, and one of a hundred. Two figures, of processor time: five runs
of either, in turn; and a value of a facet that one run has, by its bytes and, in turn, by decoding every record.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING
from unittest import mock

from many import make

from consist import Tracker
from consist.store.conditions import FacetCondition

if TYPE_CHECKING:
    from collections.abc import Callable

FEW = 100
CALLS = 50


def cpu(call: Callable[[], object], calls: int = 1) -> float:
    """Return the seconds of a processor that a call takes, as a median."""
    took = []
    for _ in range(calls):
        start = time.process_time()
        call()
        took.append(time.process_time() - start)
    return statistics.median(took)


def newest(few: Tracker, many: Tracker, rounds: int) -> None:
    """Print what five runs cost in either store."""
    asks = [partial(each.find_runs, limit=5) for each in (few, many)]
    pairs = [[cpu(ask, CALLS) for ask in asks] for _ in range(rounds)]
    of_few, of_many = (1e3 * statistics.median(column) for column in zip(*pairs, strict=True))
    ratio = statistics.median(there / here for here, there in pairs)
    print(f"find_runs(limit=5): {of_few:.2f} ms of {FEW}, {of_many:.2f} ms of all, ratio {ratio:.2f}")


def rare(many: Tracker, count: int, rounds: int) -> None:
    """Print what a run costs that is ruled out, when one run has the value that is looked for."""
    loss = many.find_latest_run(step="step-07").record.facet["loss"]

    def find() -> None:
        assert len(many.find_runs(facet={"loss": loss})) == 1

    pairs = []
    for _ in range(rounds):
        by_bytes = cpu(find)
        with mock.patch.object(FacetCondition, "traces", return_value=(b"",)):  # all records have it
            pairs.append((by_bytes, cpu(find)))
    by_bytes, decoded = (1e6 * statistics.median(column) / count for column in zip(*pairs, strict=True))
    ratio = statistics.median(slow / quick for quick, slow in pairs)
    print(f"find_runs(facet=…): {by_bytes:.1f} us a run by its bytes, {decoded:.1f} decoded, ratio {ratio:.1f}")


def main() -> None:
    """Make the stores and measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()) / "consist-many")
    options = parser.parse_args()
    trackers = []
    for count in (FEW, options.runs):
        folder = options.folder / str(count)
        folder.mkdir(parents=True, exist_ok=True)
        make(folder, count)
        trackers.append(Tracker(run_dir=folder / "files", db_path=folder / "index.lmdb"))
    newest(*trackers, rounds=options.rounds)
    rare(trackers[1], options.runs, options.rounds)


if __name__ == "__main__":
    main()
