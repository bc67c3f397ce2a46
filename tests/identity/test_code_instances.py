"""What an object keeps to be fast, or to report, does not count: its identity is one before and after its use."""

import pytest

from consist.identity.code import code_identity, fresh_code_identity

USED = {
    "np.vectorize": (
        "import numpy as np\n@np.vectorize(otypes=[float])\ndef X(x):\n    return x + {0}\n",
        "X([1])",
    ),
    "private attribute of a model": (
        "import pydantic\nclass X(pydantic.BaseModel):\n    _p: int = pydantic.PrivateAttr(default={0})\n",
        "X()",
    ),
    "click": (
        "import click\n@click.command()\n@click.option('--n', default={0})\ndef X(n):\n    return n\n",
        "X.main([], standalone_mode=False)",
    ),
    "sparse matrix": (
        "import scipy.sparse\nimport numpy as np\nX = scipy.sparse.csr_matrix(np.array([[1, {0}], [0, 3]]))\n",
        "X.has_sorted_indices, X.has_canonical_format, X @ X",
    ),
    "dataset of xarray": (
        "import xarray as xr\nX = xr.Dataset({{'a': ('t', [1, {0}])}}, coords={{'t': [0, 1]}})\n",
        "X.attrs, X.mean(), X.sel(t=1), X.encoding",
    ),
    "array of xarray": (
        "import xarray as xr\nX = xr.DataArray([1.0, {0}], dims='t')\n",
        "X.attrs, X.encoding, X + X",
    ),
    "context of decimal": (
        "import decimal\nX = decimal.Context(prec={0})\n",
        "X.divide(decimal.Decimal(1), decimal.Decimal(3))",
    ),
}


def _job(project, name, number=5):
    source, use = USED[name]
    return project(job=f"{source.format(number)}def f():\n    return {use}\n")


@pytest.mark.parametrize("name", USED)
def test_use_changes_nothing(name, project):
    job = _job(project, name)
    before = code_identity(job.f)
    assert not before.uncacheable
    job.f()
    assert code_identity(job.f).digest == fresh_code_identity(job.f).digest == before.digest
    assert code_identity(_job(project, name, 6).f).digest != before.digest


@pytest.mark.parametrize("name", [name for name in USED if "xarray" in name])
def test_what_is_put_there_afterwards_counts(name, project, check_change):
    job = _job(project, name)
    job.f()
    check_change(job, lambda job: job.X.attrs.update(unit="m"))


def test_how_a_context_of_decimal_calculates_counts(project, check_change):
    job = _job(project, "context of decimal")
    check_change(job, lambda job: setattr(job.X, "rounding", "ROUND_UP"))
    check_change(job, lambda job: job.X.traps.update({job.decimal.Inexact: True}))


def test_a_random_name_of_dask_does_not_count(project):
    source = "import dask\n@dask.delayed\ndef X(n):\n    return n + {0}\ndef f():\n    return X(1)\n"
    one, again, other = (code_identity(project(job=source.format(number)).f).digest for number in (1, 1, 2))
    assert one == again != other
