"""Cut points: golden, the same whatever the window, the same without compiled code, local to an edit."""

import importlib.util
import json
import random
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consist.errors import FormatError
from consist.hashing.chunker import Chunker, Chunking

GOLDEN = Path(__file__).parent / "golden"
CUTS = json.loads((GOLDEN / "cuts.json").read_text())
SMALL = Chunking(min=64, average=256, max=1024)

_spec = importlib.util.spec_from_file_location("cut_vectors", GOLDEN / "cut_vectors.py")
vectors = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(vectors)
CONTENTS = vectors.contents()


@pytest.mark.parametrize("name", CUTS)
def test_golden_cuts(name):
    assert Chunker(Chunking()).cut(CONTENTS[name], is_last=True) == CUTS[name]


def test_the_pure_python_fallback_gives_the_same_cuts():
    from pyfastcdc.py import FastCDC

    chunker = FastCDC(256 << 10, min_size=64 << 10, max_size=1 << 20, normalized_chunking=1)
    for name in ("noise with a byte inserted", "odd length", "rows"):
        assert [chunk.offset + chunk.length for chunk in chunker.cut_buf(CONTENTS[name])] == CUTS[name]


def test_golden_cuts_are_what_the_written_out_algorithm_gives():
    """The file was not edited: the program beside it still prints it."""
    done = subprocess.run([sys.executable, GOLDEN / "cut_vectors.py"], capture_output=True, check=True)
    assert json.loads(done.stdout) == CUTS


@given(st.randoms(use_true_random=False), st.integers(0, 20_000), st.integers(1024, 5_000))
def test_windows_of_any_size_give_the_same_cuts(chance, size, window):
    data = chance.randbytes(size)
    whole = Chunker(SMALL).cut(data, is_last=True)
    assert (whole[-1] if whole else 0) == size
    chunker, done, known, found = Chunker(SMALL), 0, 0, []
    while done < size:
        known = min(size, max(known, done) + window)
        ends = chunker.cut(memoryview(data)[done:known], is_last=known == size)
        found += [done + end for end in ends]
        done = found[-1] if found else 0
    assert found == whole


def test_an_edit_moves_cuts_near_it_only():
    data = random.Random(1).randbytes(200_000)  # noqa: S311 - any bytes
    edited = data[:100_000] + b"inserted" + data[100_000:]
    before, after = (Chunker(SMALL).cut(content, is_last=True) for content in (data, edited))
    moved = {end for end in before if end <= 100_000 - 1024} | {end + 8 for end in before if end > 100_000 + 8 * 1024}
    assert moved <= set(after)


def test_parameters_are_read_as_they_are_written():
    assert Chunking.parse(Chunking().as_json()) == Chunking()
    assert Chunking().as_json() == {
        "algorithm": "fastcdc-2020",
        "min": 65536,
        "average": 262144,
        "max": 1048576,
        "normalisation": 1,
    }


@pytest.mark.parametrize(
    "change",
    [
        {"algorithm": "rabin"},
        {"average": 300_000},
        {"min": 10},
        {"max": 100_000},
        {"normalisation": 4},
        {"min": "65536"},
        {"min": True},
        {"max": None},
    ],
)
def test_parameters_that_cannot_be_cut_by_are_refused(change):
    with pytest.raises(FormatError, match="the store cuts by"):
        Chunking.parse(Chunking().as_json() | change)
