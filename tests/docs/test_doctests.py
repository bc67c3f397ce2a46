"""The examples in the docstrings of every module run, each module in an empty folder."""

import doctest
import importlib
from pathlib import Path

import pytest

import consist

FOLDER = Path(consist.__file__).parent
OPTIONAL = {"numpy", "pandas", "polars", "pyarrow", "hypothesis", "s3fs", "gcsfs", "obstore", "dask", "distributed"}
OPTIONAL |= {"upath"}
MODULES = sorted(
    ".".join(("consist", *path.relative_to(FOLDER).with_suffix("").parts)).removesuffix(".__init__")
    for path in FOLDER.rglob("*.py")
    if path.name != "__main__.py"
)


def load(name):
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] not in OPTIONAL:
            raise
        pytest.skip(f"{error.name} is not installed")


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_of_a_module_run(name, tmp_path, monkeypatch):
    module = load(name)
    monkeypatch.chdir(tmp_path)
    result = doctest.testmod(module, optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE)
    assert result.failed == 0, "see the output above"


def test_there_are_examples_to_run():
    finder = doctest.DocTestFinder(exclude_empty=True)
    hashing = [name for name in MODULES if name.startswith("consist.hashing.")]
    assert sum(len(test.examples) for name in hashing for test in finder.find(load(name))) >= 10
