"""What is in the golden stores, and what wrote them: `python tests/store/golden/write.py`, one archive a format.

Once a format was released its archive is never written again: what reads the newest store must still read the old ones.
"""

import contextlib
import os
import tempfile
import zipfile
from pathlib import Path

from consist import Tracker
from consist.store.config import FORMAT

FOLDER = Path(__file__).parent
LARGE = bytes((3 << 20) + 5)
"""Four chunks, of which three are one, compressed; the last is stored as it is."""


def values():
    return {"plain": (1, {"a", "b"}), "bytes": b"x" * 5000, "large": LARGE}


def folder():
    made = Path("made")
    (made / "empty").mkdir(parents=True)
    (made / "a.txt").write_text("a")
    (made / "b.sh").write_text("b" * 5000)
    (made / "b.sh").chmod(0o755)
    return made


def failing():
    raise ValueError("no")


def wrong():
    return 7


def write(place):
    """Make a store as on a machine of no name."""
    os.chdir(place)
    os.uname = lambda: os.uname_result(("Linux", "machine", "", "", "x86_64"))
    with Tracker(run_dir="runs", db_path="index.lmdb", store="store") as tracker:
        made = tracker.run(values, tags=["kept"])
        tracker.tag(made.run, "late")
        tracker.untag(made.run, "kept")
        tracker.run(folder)
        with contextlib.suppress(ValueError):
            tracker.run(failing)
        tracker.forget(tracker.run(wrong).run, "seven")
        for _ in range(2):
            with tracker.scenario("scenario") as scenario:
                scenario.run(values)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as place:
        write(place)
        store = Path(place, "store")
        with zipfile.ZipFile(FOLDER / f"format-{FORMAT}.zip", "w", zipfile.ZIP_DEFLATED) as archive:
            for path in sorted(store.rglob("*")):
                if path.is_file() and path.name != "lock":
                    archive.write(path, path.relative_to(store))
