import numpy as np
A = np.arange(9)[::2].copy()
def f(x):
    return int(A.sum())
