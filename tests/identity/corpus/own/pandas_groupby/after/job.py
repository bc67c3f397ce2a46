import pandas as pd
X = pd.DataFrame({'a': [1, 3], 'b': [1, 2]}).groupby('a')
def f():
    return X.sum().to_dict()
