import pandas as pd
T = pd.DataFrame({'a': [1], 'b': [2]})
def f(x):
    return list(T.columns)
