"""numpy's values: dtype, shape and content count; memory layout does not."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from consist.errors import UnencodableError
from consist.hashing.canonical import encode

DTYPES = ["u1", "i2", ">i2", "i8", "f4", "f8", "c8", "?", "S2", "U2", "M8[s]", "m8[D]"]
arrays = hnp.arrays(
    dtype=st.sampled_from(DTYPES),
    shape=hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=3),
    fill=st.nothing(),
)


def same(one, other):
    return one.dtype == other.dtype and one.shape == other.shape and one.tobytes() == other.tobytes()


@given(arrays)
def test_copies_views_and_memory_orders_are_one_value(array):
    padded = np.zeros([2 * side for side in array.shape], array.dtype)
    strided = padded[(..., *[slice(None, None, 2)] * array.ndim)]
    strided[...] = array
    read_only = array.copy()
    read_only.setflags(write=False)
    for again in (array.copy(), np.asfortranarray(array).reshape(array.shape), strided, read_only):
        assert encode(again) == encode(array)


@given(arrays, arrays)
def test_arrays_share_an_encoding_only_if_they_are_the_same(one, other):
    assert (encode(one) == encode(other)) == same(one, other)


@given(arrays, st.data())
def test_one_changed_byte_changes_the_encoding(array, data):
    if array.nbytes == 0:
        return
    raw = bytearray(array.tobytes())
    raw[data.draw(st.integers(0, len(raw) - 1))] ^= data.draw(st.integers(1, 255))
    changed = np.frombuffer(bytes(raw), array.dtype).reshape(array.shape)
    assert encode(changed) != encode(array)


DIFFERENT = {
    "scalar and Python number": (np.int64(1), 1),
    "scalar and array": (np.int64(1), np.array(1)),
    "float scalar and Python float": (np.float64(1), 1.0),
    "text scalar and text": (np.str_("a"), "a"),
    "bool scalar and bool": (np.True_, True),
    "dtypes of one size": (np.int64(1), np.uint64(1)),
    "byte orders": (np.array([1], "<i4"), np.array([1], ">i4")),
    "units of time": (np.array([1], "M8[s]"), np.array([1], "M8[ms]")),
    "shapes": (np.zeros((2, 3)), np.zeros((3, 2))),
    "empty shapes": (np.zeros((0, 3)), np.zeros((3, 0))),
    "array and list": (np.array([1, 2]), [1, 2]),
    "kinds of array": (np.zeros(2), np.zeros(2).view(np.recarray)),
    "bytes and void": (np.array([b"ab"], "S2"), np.array([b"ab"], "V2")),
    "dtypes": (np.dtype("i4"), np.dtype("i8")),
    "sub-array and void dtypes": (np.dtype(("i4", (2,))), np.dtype("V8")),
    "scalar types": (np.float32, np.float64),
    "scalar type and dtype": (np.float32, np.dtype(np.float32)),
    "objects": (np.array([1, "x"], object), np.array([1.0, "x"], object)),
    "names of fields": (np.zeros(1, [("a", "i4")]), np.zeros(1, [("b", "i4")])),
    "offsets of fields": (
        np.zeros(1, {"names": ["a"], "formats": ["i1"], "offsets": [0], "itemsize": 4}),
        np.zeros(1, {"names": ["a"], "formats": ["i1"], "offsets": [2], "itemsize": 4}),
    ),
    "structured arrays": (np.array([(1, 2.0)], "i4,f8"), np.array([(1, 3.0)], "i4,f8")),
    "masks": (np.ma.masked_array([1, 2], [0, 1]), np.ma.masked_array([1, 2], [1, 0])),
    "masked and plain": (np.ma.masked_array([1, 2]), np.array([1, 2])),
    "what a mask is filled with": (
        np.ma.masked_array([1, 2], [0, 1], fill_value=0),
        np.ma.masked_array([1, 2], [0, 1], fill_value=9),
    ),
    "hard and soft masks": (np.ma.masked_array([1], [1]), np.ma.masked_array([1], [1], hard_mask=True)),
    "kinds of masked array": (np.ma.masked, np.ma.masked_array(0.0, mask=True)),
    "variable-length text": (
        np.array(["a", "bb"], np.dtypes.StringDType()),
        np.array(["a", "bc"], np.dtypes.StringDType()),
    ),
}


@pytest.mark.parametrize("pair", DIFFERENT.values(), ids=DIFFERENT)
def test_values_that_differ_have_two_encodings(pair):
    one, other = pair
    assert encode(one) != encode(other)


def test_what_lies_under_a_mask_counts():
    one = np.ma.masked_array([1, 2, 3], [False, True, False])
    other = np.ma.masked_array([1, 99, 3], [False, True, False])
    assert np.asarray(one).sum() != np.asarray(other).sum(), "a function sees it"
    assert encode(one) != encode(other)


@pytest.mark.parametrize("dtype", ["i4", "u1", "i2", "f8", "S3", "U2", "O", "M8[D]", "i4,S2"])
def test_masked_arrays_of_many_dtypes_are_encoded_and_left_alone(dtype):
    array = np.ma.masked_array(np.zeros(2, dtype), [False, True])
    before = array._fill_value
    assert encode(array) == encode(array.copy())
    assert array._fill_value is before
    encode(array.fill_value)  # reading it writes the default into the array
    assert encode(array) == encode(np.ma.masked_array(np.zeros(2, dtype), [False, True]))


def test_the_masked_constant_is_encoded():
    assert encode(np.ma.masked) != encode(None)


def test_what_lies_between_fields_does_not_count():
    padded = np.dtype({"names": ["a", "b"], "formats": ["u1", "<u2"], "offsets": [0, 2], "itemsize": 8})
    clean = np.frombuffer(b"\1\0\2\0\0\0\0\0", padded)
    dirty = np.frombuffer(b"\1\xff\2\0\xff\xff\xff\xff", padded)
    assert encode(clean) == encode(dirty)
    assert encode(clean) != encode(np.frombuffer(b"\1\0\2\1\0\0\0\0", padded))


def test_nested_fields_are_encoded():
    dtype = np.dtype([("inner", [("x", "i4"), ("y", "f8", (2,))]), ("z", "S1")], align=True)
    array = np.zeros(3, dtype)
    other = array.copy()
    other["inner"]["y"][1, 1] = 5
    assert encode(array) == encode(array.copy())
    assert encode(array) != encode(other)


def test_an_item_without_an_encoding_is_named():
    with pytest.raises(UnencodableError) as caught:
        encode({"grid": np.array([1, object()], object)})
    assert caught.value.path == '["grid"][1]'


def test_other_things_of_numpy_are_refused():
    for thing in (np.random.default_rng(0), np.add, np):
        with pytest.raises(UnencodableError):
            encode(thing)


def test_an_array_is_hashed_where_it_lies():
    array = np.zeros(1 << 20, "u1")
    assert len(encode(array)) < 200
