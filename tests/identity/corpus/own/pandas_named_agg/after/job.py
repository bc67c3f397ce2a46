import pandas as pd
X = pd.NamedAgg('a', 'mean')
def f():
    return tuple(X)
