import pandas as pd
T = pd.DataFrame({'b': [2], 'a': [1]})
def f(x):
    return list(T.columns)
