"""`load` and `load_df`: the value of an artifact by one call, also as a DataFrame of pandas whatever it was before."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

from consist.arguments import shown
from consist.errors import OutputError, UsageError
from consist.runs.artifact import Artifact
from consist.runs.formats.needs import needed
from consist.runs.formats.registry import FILE, PARQUET, described

if TYPE_CHECKING:
    from consist.runs.tracker import Tracker

_READERS = {".csv": "read_csv", ".parquet": "read_parquet", ".json": "read_json", ".feather": "read_feather"}
"""How pandas reads a file, by the end of its name."""


def load(artifact: Artifact | str, *, tracker: Tracker | None = None) -> Any:
    """Return the value of an artifact: `Artifact.load`.

    Parameters
    ----------
    artifact : Artifact or str
        The artifact, or its path in the store: ``steps/clean/table``.
    tracker : Tracker, optional
        Whose store a path is in. Default: the current one.

    Raises
    ------
    RunNotFoundError
        If nothing has this path.
    UsageError
        If a path is given, and there is no tracker.

    Examples
    --------
    >>> import consist, tempfile
    >>> folder = tempfile.mkdtemp()
    >>> with consist.Tracker(run_dir=folder, db_path=f"{folder}/index.lmdb") as tracker:
    ...     _ = tracker.run(pow, name="power", config={"base": 2, "exp": 5})
    ...     consist.load("steps/power/value", tracker=tracker)
    32
    """
    return _artifact(artifact, tracker).load()


def load_df(artifact: Artifact | str, *, tracker: Tracker | None = None) -> Any:
    """Return an artifact as a DataFrame of pandas.

    Parameters
    ----------
    artifact : Artifact or str
        A table of any library (a Series becomes a frame of one column), or a file whose name ends in ``.csv``,
        ``.parquet``, ``.json`` or ``.feather``; or its path in the store.
    tracker : Tracker, optional
        Whose store a path is in. Default: the current one.

    Raises
    ------
    OutputError
        If it is no table, or pandas is not installed.
    RunNotFoundError
        If nothing has this path.
    """
    found = _artifact(artifact, tracker)
    pandas = needed("pandas", f"output {found.key!r} as a DataFrame", "pandas pyarrow")
    if found.format == PARQUET.name:
        return _as_frame(found.load(), pandas)
    path = str(found.record.media.get("path", ""))
    reader = next((name for suffix, name in _READERS.items() if path.endswith(suffix)), None)
    if found.format == FILE and reader is not None:
        return getattr(pandas, reader)(io.BytesIO(found.read_bytes()))
    what = (
        f"a file {path.rsplit('/', 1)[-1]!r:.60}"
        if found.format == FILE
        else described(found.format, found.record.media)
    )
    raise OutputError(f"output {found.key!r} is no table, but {what}", hint="load() gives its value, path a file")


def _as_frame(value: Any, pandas: Any) -> Any:
    """Turn a table of any library into a DataFrame of pandas."""
    if isinstance(value, pandas.DataFrame):
        return value
    frame = value.to_frame() if hasattr(value, "to_frame") else value  # a Series, of pandas or polars
    return frame if isinstance(frame, pandas.DataFrame) else frame.to_pandas()


def _artifact(artifact: Artifact | str, tracker: Tracker | None) -> Artifact:
    if isinstance(artifact, Artifact):
        return artifact
    if not isinstance(artifact, str):
        raise UsageError(
            f"{shown(artifact)} is no artifact",
            hint="give result.outputs[…], or a path of the store as text: 'steps/clean/table'",
        )
    from consist.runs.current import check_tracker, current_tracker

    if tracker is None:
        tracker = current_tracker()
    check_tracker(tracker)
    return tracker.get_artifact(artifact)
