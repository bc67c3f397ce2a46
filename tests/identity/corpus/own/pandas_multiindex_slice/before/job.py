import pandas as pd
T = pd.Series(range(4), index=pd.MultiIndex.from_product([[1, 2], ['a', 'b']]))[:2]
def f(x):
    return T.to_dict()
