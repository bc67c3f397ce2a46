import pandas as pd
LIMIT = 2
def f(x):
    return len(pd.DataFrame({'a': [1, 2]}).query('a > @LIMIT'))
