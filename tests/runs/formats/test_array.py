"""Arrays come back as they were, or not at all; `numpy.load` and numpy's own comparison are the judges."""

import io
import os

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from consist.errors import DamagedError, OutputError
from consist.runs.formats.array import prepare, read


def content_of(value):
    with prepare(value) as prepared:
        content = prepared.stream.read()
    assert len(content) == prepared.size
    return content


def assert_same(back, value):
    assert type(back) is np.ndarray
    assert back.dtype == value.dtype
    assert back.shape == value.shape
    assert np.asarray(back).tobytes() == np.asarray(value).tobytes()
    assert back.flags.writeable


def in_order(value):
    """What numpy itself writes."""
    sink = io.BytesIO()
    np.lib.format.write_array(sink, value, allow_pickle=False)
    return sink.getvalue()


GRID = np.arange(24, dtype="i4").reshape(2, 3, 4)

ARRAYS = {
    "no dimension": np.array(3.5),
    "no items": np.zeros((0, 3)),
    "no items among others": np.zeros((2, 0, 3), order="F"),
    "C order": GRID,
    "Fortran order": np.asfortranarray(GRID),
    "transposed": GRID.T,
    "axes swapped": GRID.transpose(1, 0, 2),
    "every other": GRID[:, ::2],
    "backwards": GRID[::-1],
    "broadcast": np.broadcast_to(np.arange(3), (2, 3)),
    "big-endian": np.arange(3, dtype=">i2"),
    "truth": np.array([True, False]),
    "half": np.array([1.5, np.nan], "f2"),
    "long doubles": np.array([1.5, -0.0], "longdouble"),
    "complex": np.array([1 + 2j]),
    "text": np.array(["ü", "longer"]),
    "text of no length": np.array(["", ""], "U0"),
    "bytes": np.array([b"a\0b", b""]),
    "times": np.array(["2024-01-01", "NaT"], "M8[D]"),
    "times of 25 seconds": np.array([1, 2], "m8[25s]"),
    "structure": np.array([(1, 2.5), (3, 4.5)], [("a", "i4"), ("b", ">f8")]),
    "structure of arrays": np.zeros(2, [("a", "i4", (2, 3)), ("b", [("c", "U3")])]),
    "names beyond Latin-1": np.zeros(2, [("λ", "i4")]),
    "no fields": np.zeros(2, []),
    "raw": np.zeros(2, "V5"),
    "read-only": np.frombuffer(b"\1\2", "u1"),
}


@pytest.mark.parametrize("name", ARRAYS)
def test_arrays_come_back(name):
    value = ARRAYS[name]
    content = content_of(value)
    assert_same(read(io.BytesIO(content)), value)
    assert_same(np.load(io.BytesIO(content), allow_pickle=False), value)


@pytest.mark.parametrize("name", [name for name in ARRAYS if name != "names beyond Latin-1"])
def test_the_bytes_are_those_that_numpy_writes(name):
    assert content_of(ARRAYS[name]) == in_order(ARRAYS[name])


def test_a_structure_of_many_fields_has_the_header_that_numpy_gives_it():
    value = np.zeros(1, [(f"field {number:04}", "i4") for number in range(2400)])
    assert content_of(value) == in_order(value)
    assert_same(read(io.BytesIO(content_of(value))), value)
    more = np.zeros(1, [(f"field {number:04}", "i4") for number in range(10_000)])
    with pytest.raises(OutputError, match="10,000 fields is too large"):
        content_of(more)


@pytest.mark.parametrize("order", ["C", "F"])
def test_the_memory_order_comes_back(order):
    back = read(io.BytesIO(content_of(np.ones((3, 4), order=order))))
    assert back.flags[f"{order}_CONTIGUOUS"]


def test_a_mapped_array_comes_back_in_memory(tmp_path):
    mapped = np.memmap(tmp_path / "array", dtype="f8", mode="w+", shape=(2, 3))
    mapped[:] = 7
    assert_same(read(io.BytesIO(content_of(mapped))), np.full((2, 3), 7.0))


@pytest.mark.parametrize("shape", [(2,), (2, 3), (3, 2, 2)])
def test_left_over_memory_in_the_gaps_of_a_structure_is_not_stored(shape):
    gaps = np.dtype({"names": ["a", "b"], "formats": ["u1", "<u2"], "offsets": [0, 4], "itemsize": 12})
    value = np.frombuffer(os.urandom(12 * int(np.prod(shape))), gaps).reshape(shape)
    other = np.frombuffer(os.urandom(value.nbytes), gaps).reshape(shape).copy()
    other["a"], other["b"] = value["a"], value["b"]
    for view in (np.asarray, np.transpose, lambda array: array[::-1]):
        content = content_of(view(value))
        assert content == content_of(view(other))
        back = read(io.BytesIO(content))
        assert back.dtype == gaps
        assert (back == view(value)).all()


class Grid(np.ndarray):
    """A subclass, which may hold more than its items."""


OBJECTS = np.array([None, "x"], dtype=object)

REFUSED = {
    "objects": (OBJECTS, "object holds Python objects"),
    "objects in a structure": (np.zeros(1, [("a", object)]), "holds Python objects"),
    "text of any length": (np.array(["x"], np.dtypes.StringDType()), "StringDType"),
    "masked": (np.ma.array([1, 2], mask=[True, False]), "a masked array has no format"),
    "matrix": (np.ones(3).view(Grid), "an array of the class Grid"),
    "records": (np.rec.array([(1, 2)], names="a,b"), "an array of the class recarray"),
    "metadata": (np.zeros(1, np.dtype("i4", metadata={"unit": "km"})), "the metadata of the dtype"),
    "metadata of a field": (np.zeros(1, [("a", np.dtype("i4", metadata={"unit": "km"}))]), "the metadata of the dtype"),
    "fields that overlap": (
        np.zeros(1, {"names": ["a", "b"], "formats": ["i4", "i4"], "offsets": [0, 2]}),
        "would come back as another",
    ),
    "records as items": (np.zeros(1, (np.record, [("a", "i4")])), "would come back as another"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_would_come_back_as_another_value_is_refused(name):
    value, message = REFUSED[name]
    with pytest.raises(OutputError, match=message):
        content_of(value)


def pickled():
    sink = io.BytesIO()
    np.save(sink, OBJECTS, allow_pickle=True)
    return sink.getvalue()


@pytest.mark.parametrize(
    "content",
    [b"", b"no array", in_order(GRID)[:-1], in_order(GRID) + b"x", in_order(GRID)[:20], pickled()],
    ids=["empty", "other", "cut", "longer", "header only", "objects"],
)
def test_other_bytes_are_damage(content):
    with pytest.raises(DamagedError, match="not an array that consist wrote"):
        read(io.BytesIO(content))


DTYPES = st.one_of(
    npst.scalar_dtypes().filter(lambda dtype: dtype.kind != "O"),
    npst.array_dtypes(npst.scalar_dtypes().filter(lambda dtype: dtype.itemsize > 0), allow_subarrays=True),
)


@given(npst.arrays(DTYPES, npst.array_shapes(min_dims=0, min_side=0, max_side=4)), st.booleans())
def test_any_array_comes_back(value, transposed):
    value = value.T[::-1] if transposed and value.ndim else value
    content = content_of(value)
    back = read(io.BytesIO(content))
    assert back.dtype == value.dtype
    assert back.shape == value.shape
    assert back.tobytes() == value.tobytes()
