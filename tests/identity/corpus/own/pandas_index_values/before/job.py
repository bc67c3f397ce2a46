import pandas as pd
T = pd.DataFrame({'a': [1, 2]})
def f(x):
    return int(T.index[0])
