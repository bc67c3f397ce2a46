"""What a function gets for an input: what its parameter asks for, be it an artifact, a path or the loaded value."""

from __future__ import annotations

import functools
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Optional

import pytest

from consist import Artifact, CodeOptions, ExecutionOptions, errors

if TYPE_CHECKING:
    import pandas as pd

TEXT = "id,value\n1,10\n2,20\n"


@pytest.fixture
def cleaned(tracker, tmp_path, monkeypatch):
    """A file that a step returned under a declared name, and from which its step then went away."""
    monkeypatch.chdir(tmp_path)

    def clean() -> Path:
        Path("cleaned.csv").write_text(TEXT)
        return Path("cleaned.csv")

    return tracker.run(clean, outputs=["cleaned"]).outputs["cleaned"]


@pytest.fixture
def table(tracker):
    pandas = pytest.importorskip("pandas")
    return tracker.run(lambda: pandas.DataFrame({"a": [1, 2]}), name="make", outputs=["table"]).outputs["table"]


def received(tracker, fn, given, **options):
    """Run a function that returns the type and the text of what it got."""
    return tracker.run(fn, inputs={"given": given}, execution_options=ExecutionOptions(**options)).value


def plain(given):
    return type(given).__name__, given.read_text() if isinstance(given, Path) else None


def artifact(given: Artifact):
    return type(given).__name__, given.path.read_text()


def path(given: Path):
    return type(given).__name__, given.read_text()


def either(given: Path | None):
    return type(given).__name__, given.read_text()


def old_style(given: Optional[Path]):  # noqa: UP045 - as people wrote it
    return type(given).__name__, given.read_text()


def text(given: str):
    return type(given).__name__, Path(given).read_text()


def test_a_returned_path_is_a_named_artifact_that_the_next_step_takes(tracker, cleaned):
    assert (cleaned.key, cleaned.format, cleaned.path.read_text()) == ("cleaned", "file", TEXT)
    assert received(tracker, plain, cleaned) == ("PosixPath", TEXT)
    for fn in (path, either, old_style):
        assert received(tracker, fn, cleaned) == ("PosixPath", TEXT)
    assert received(tracker, artifact, cleaned) == ("Artifact", TEXT)
    assert received(tracker, text, cleaned) == ("str", TEXT)


@pytest.mark.parametrize("annotation", [Artifact, Artifact | None, Optional[Artifact], "Artifact", "consist.Artifact"])  # noqa: UP045 - the same
def test_annotations_may_be_objects_or_text_and_allow_none(tracker, cleaned, annotation):
    def fn(given):
        return type(given).__name__

    fn.__annotations__["given"] = annotation
    assert received(tracker, fn, cleaned) == "Artifact"


WRITTEN = """
from __future__ import annotations
import functools, pathlib, typing
import consist as cs
from consist import Artifact as Output
from pathlib import Path
from typing import Annotated, Optional

Wanted = Optional[Path]

class Artifact:
    pass

def wrapped(fn):
    return functools.wraps(fn)(lambda given: fn(given))

def fn(given: {}):
    return type(given).__name__
"""


@pytest.mark.parametrize(
    ("annotation", "expected"),
    [
        ("cs.Artifact", "Artifact"),
        ("Output", "Artifact"),
        ("Output | None", "Artifact"),
        ("Optional[cs.Artifact]", "Artifact"),
        ("'Output'", "Artifact"),
        ("Annotated[Path, 1]", "PosixPath"),
        ("typing.Annotated[Path | None, [1, 2]]", "PosixPath"),
        ("Annotated[Path, 1] | None", "PosixPath"),
        ("Optional[Annotated[pathlib.Path, 'raw']]", "PosixPath"),
        ("Wanted", "PosixPath"),
        ("Artifact", "int"),  # the class that is called so there, not ours
        ("nowhere.Path", "int"),
        ("list[Path]", "int"),
    ],
)
@pytest.mark.parametrize("how", ["text", "object", "wrapped"])
def test_an_annotation_means_what_it_means_where_the_function_is_written(tracker, annotation, expected, how):
    source = WRITTEN.replace("from __future__ import annotations", "") if how == "object" else WRITTEN
    names = {"__name__": "written"}
    try:
        exec(source.format(annotation), names)  # noqa: S102 - a module, but for the file
    except NameError:
        assert (how, annotation) == ("object", "nowhere.Path")
        return
    fn = names["wrapped"](names["fn"]) if how == "wrapped" else names["fn"]
    made = tracker.run(lambda: 1, name="one").outputs["value"]
    options = {"code_options": CodeOptions(version="1"), "name": "fn"}
    assert tracker.run(fn, inputs={"given": made}, **options).value == expected


def test_load_inputs_says_it_for_all(tracker, cleaned, table):
    assert received(tracker, plain, cleaned, load_inputs=False) == ("Artifact", None)
    assert received(tracker, path, cleaned, load_inputs=False) == ("PosixPath", TEXT)
    assert received(tracker, plain, table, load_inputs=True) == ("DataFrame", None)
    assert received(tracker, lambda given: type(given).__name__, table, load_inputs=False) == "Artifact"


def test_what_is_stored_as_a_table_is_loaded_unless_a_path_is_asked_for(tracker, table):
    def total(given: pd.DataFrame):
        return int(given["a"].sum())

    def size(given: Path):
        return given.read_bytes()[:4]

    assert received(tracker, total, table) == 3
    assert received(tracker, size, table) == b"PAR1"


@pytest.mark.parametrize(
    "annotation", ["pd.DataFrame", "pl.DataFrame", "pa.Table", "pandas.DataFrame | None", "object"]
)
@pytest.mark.parametrize("source", ["artifact", "file"])
def test_a_file_is_never_read_as_a_table_and_a_parameter_that_asks_for_one_is_told_so(
    tracker, cleaned, annotation, source
):
    pandas = pytest.importorskip("pandas")

    def fn(given):
        raise AssertionError("it must not run")

    fn.__annotations__["given"] = pandas.DataFrame if annotation == "object" else annotation
    with pytest.raises(errors.UsageError, match=r"parameter 'given' asks for a table, but the input is a file.*Path"):
        received(tracker, fn, cleaned if source == "artifact" else "cleaned.csv")
    assert [run.step for run in tracker.find_runs()] == ["clean"]


def test_the_annotations_of_partials_methods_objects_and_classes_count(tracker, cleaned):
    class Reader:
        def __call__(self, given: Artifact):
            return type(given).__name__

        def method(self, given: Artifact):
            return type(given).__name__

    class Made(dict):
        def __init__(self, given: Artifact):
            super().__init__(kind=type(given).__name__)

    def two(given: Artifact, other):
        return type(given).__name__

    for fn in (Reader(), Reader().method, functools.partial(two, other=1)):
        assert received(tracker, fn, cleaned) == "Artifact"
    with pytest.warns(errors.UncacheableWarning, match="no format"):
        assert received(tracker, Made, cleaned) == {"kind": "Artifact"}


def test_how_an_input_is_handed_over_is_part_of_the_signature(tracker, cleaned):
    def body(given):
        return type(given).__name__

    assert received(tracker, body, cleaned) == "PosixPath"
    body.__annotations__["given"] = "Artifact"
    assert received(tracker, body, cleaned) == "Artifact"


def test_the_annotations_of_a_cached_and_of_a_wrapped_function_count(tracker, cleaned):
    @functools.lru_cache
    def cached(given: Artifact):
        return type(given).__name__

    @functools.wraps(cached.__wrapped__)
    def wrapper(given):
        return type(given).__name__

    for fn in (cached, wrapper):
        assert received(tracker, fn, cleaned) == "Artifact"


UNKNOWN = """
import functools
import sys
def step(given: Path | None, other: int = 1) -> dict:
    return type(given).__name__
class Model:
    def fit(self, given: Path) -> Table:
        return type(given).__name__
@functools.lru_cache
def cached(given: Artifact | None) -> Table:
    return type(given).__name__
"""


@pytest.mark.skipif(sys.version_info < (3, 14), reason="it is a NameError where the function is made")
def test_an_annotation_may_name_what_only_type_checkers_know(tracker, cleaned):
    found = {}
    exec(compile(UNKNOWN, "unknown.py", "exec", dont_inherit=True), found)  # noqa: S102 - the text above, as a module
    assert received(tracker, found["step"], cleaned) == "PosixPath"
    assert received(tracker, found["Model"]().fit, cleaned) == "PosixPath"
    assert received(tracker, found["cached"], cleaned) == "Artifact"
    with pytest.raises(errors.UsageError, match=r"step\(given: "):
        tracker.run(found["step"])
    step = tracker.define_step()(found["step"])
    assert step(3) == "int"
    with pytest.raises(errors.UsageError, match="config="):
        step(3, config={})
