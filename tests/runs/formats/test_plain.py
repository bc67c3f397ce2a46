"""Plain values that are refused."""

from pathlib import Path, PurePosixPath, PureWindowsPath

import pytest

from consist.errors import OutputError
from consist.runs.formats.registry import PLAIN


@pytest.mark.parametrize(
    "path", [Path("a"), PurePosixPath("a"), PureWindowsPath("a")], ids=lambda path: type(path).__name__
)
@pytest.mark.parametrize("hold", [lambda path: {"a": path}, lambda path: [(path,)]], ids=["dict", "tuple"])
def test_a_path_within_a_value_is_told_what_to_do(path, hold):
    with pytest.raises(OutputError, match="a Path within another value has no format; "):
        PLAIN.encode(hold(path))
