import pandas as pd
X = pd.NamedAgg('a', 'sum')
def f():
    return tuple(X)
