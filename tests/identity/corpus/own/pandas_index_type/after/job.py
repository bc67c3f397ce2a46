import pandas as pd
T = pd.DataFrame({'a': [1, 2]}, index=[0, 1])
def f(x):
    return int(T['a'].sum())
