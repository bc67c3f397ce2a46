import pandas as pd
T = pd.Series(['a', 'b'], dtype=pd.CategoricalDtype(['a', 'b']))
def f(x):
    return list(T.cat.categories)
