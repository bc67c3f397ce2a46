import pandas as pd
T = pd.DataFrame({'a': [1, 2]}, index=[7, 8])
def f(x):
    return int(T.index[0])
