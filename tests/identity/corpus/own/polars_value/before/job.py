import polars as pl
T = pl.DataFrame({'a': ['x', None]})
def f(x):
    return T['a'].to_list()
