import pandas as pd
T = pd.Series([1.5, None], dtype=object)
def f(x):
    return repr(T[1])
