import pandas as pd
T = pd.Series(['a', 'b'], dtype=pd.CategoricalDtype(['b', 'a']))
def f(x):
    return list(T.cat.categories)
