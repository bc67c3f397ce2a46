"""Any two configs: one identity exactly if they are the same, in every process.

The oracle is `consist.testing.sameness`, which shares nothing with the encoding. `DIFFERENT` and `SAME`
hold the oracle itself to what was decided by hand.
"""

import copyreg
import decimal
import json
import os
import pickle
import subprocess
import sys
import types

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, Phase, assume, given, settings
from hypothesis import strategies as st

from consist.hashing.canonical import encode
from consist.identity.config import config_identity
from consist.testing import samples
from consist.testing.sameness import same
from consist.testing.strategies import altered, configs, rebuilt, values

# Examples are small as they are drawn, and shrinking one of so many types takes longer than a test may.
SLOW_TO_DRAW = settings(
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
)


def _has_one_identity(one, other):
    digests = [config_identity({"q": value}).digest for value in (one, other)]
    assert (digests[0] == digests[1]) == (encode(one) == encode(other))
    return digests[0] == digests[1]


@SLOW_TO_DRAW
@given(configs())
def test_made_in_another_way_it_is_the_same(config):
    again = rebuilt(config)
    assume(same(config, again))  # a set or dict of equal keys keeps whichever came first
    assert config_identity(config).digest == config_identity(again).digest


@SLOW_TO_DRAW
@given(st.data())
def test_a_neighbour_has_the_same_identity_only_if_it_is_the_same(data):
    value = data.draw(values())
    other = data.draw(altered(value))
    assert _has_one_identity(value, other) == same(value, other)


@SLOW_TO_DRAW
@given(values(), values())
def test_two_values_have_one_identity_only_if_they_are_the_same(one, other):
    assert _has_one_identity(one, other) == same(one, other)


DIFFERENT = [
    *(0, 0.0, -0.0, False, "0", b"0", 0j, decimal.Decimal(0), np.int64(0), np.float64(0), np.False_, None, [], (), {}),
    *(1, 1.0, True, "1", b"1", bytearray(b"1"), np.int64(1), np.int32(1), np.array(1), [1], (1,), {1}, frozenset({1})),
    *(samples.Level.HIGH, samples.Shade.ONE, samples.Word("1"), np.str_("1"), float("nan"), np.float64("nan")),
    *(samples.Grid(1), samples.Cell(1), samples.Span(1), samples.Mesh(1), samples.Model(size=1), (1, 0)),
    *(samples.Model(size=1, origin=0), samples.Model(size=1, origin=0, extra=None), samples.Grid(1.0)),
    *({"a": 1}, samples.marked({"a": 1}, None), samples.marked({"a": 1}, 1), samples.proxy({"a": 1}), {"a": True}),
    *(np.ma.masked_array([1, 2], [0, 1]), np.ma.masked_array([1, 3], [0, 1]), np.array([1, 2])),
    *(pd.Series([1, 2]), pd.Series([1.0, 2.0]), pd.Series([1, 2], name="n"), pd.Index([1, 2]), pd.Series([1, 2]).array),
    *(
        pa.array([1, 2]),
        pa.chunked_array([[1, 2]]),
        pl.Series([1, 2]),
        pa.table({"a": [1, 2]}),
        pl.DataFrame({"a": [1, 2]}),
    ),
    *(pd.Series([1, 2], index=[1, 2]), pd.Series([1, None], dtype="Int64"), pd.DataFrame({"a": [1, 2]})),
]
SAME = [
    ({"a": 1, "b": 2}, {"b": 2, "a": 1}),
    (float("nan"), -float("nan")),
    (np.arange(6).reshape(2, 3), np.asfortranarray(np.arange(6).reshape(2, 3))),
    (np.arange(6)[::2], np.array([0, 2, 4])),
    (pd.Series([1, 2]), pd.Series([1, 2], index=pd.Index([0, 1]))),
    (pd.arrays.SparseArray([0, 1], kind="integer"), pd.arrays.SparseArray([0, 1], kind="block")),
    (pd.Series(["a"], dtype="string[python]"), pd.Series(["a"], dtype="string[pyarrow]")),
    (pa.chunked_array([[1, 2]]), pa.chunked_array([[1], [2]])),
    (samples.Model(size=1, origin=0), samples.Model(origin=0, size=1)),
]


def test_what_was_decided_by_hand():
    for place, one in enumerate(DIFFERENT):
        for other in DIFFERENT[:place]:
            assert not same(one, other), (one, other)
            assert not _has_one_identity(one, other), (one, other)
    for one, other in SAME:
        assert same(one, other), (one, other)
        assert _has_one_identity(one, other), (one, other)


CHILD = """
import json, pickle, sys
from consist.identity.config import config_identity
batch = pickle.load(sys.stdin.buffer)
print(json.dumps([config_identity(config).digest.hex for config in batch]))
"""


def _batch(count):
    """Draw many configs, other ones each time unless the run is derandomised."""
    drawn = []

    @settings(SLOW_TO_DRAW, max_examples=count, database=None, phases=[Phase.generate])
    @given(configs())
    def collect(config):
        drawn.append(config)

    collect()
    return drawn


@pytest.mark.slow
def test_one_identity_under_every_hash_seed_and_in_every_process(monkeypatch):
    monkeypatch.setitem(copyreg.dispatch_table, types.MappingProxyType, lambda proxy: (samples.proxy, (dict(proxy),)))
    # numpy's pickles turn an array of foreign byte order into one of this machine's: that is another value.
    batch = [config for config in _batch(100) if same(config, pickle.loads(pickle.dumps(config)))]  # noqa: S301 - ours
    expected = [config_identity(config).digest.hex for config in batch]
    assert len(set(expected)) > 30
    for seed in ("0", "1", "4242"):
        answer = subprocess.run(
            [sys.executable, "-c", CHILD],
            input=pickle.dumps(batch),
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": os.pathsep.join(sys.path)},
            stdout=subprocess.PIPE,
            check=True,
        ).stdout
        assert json.loads(answer) == expected
