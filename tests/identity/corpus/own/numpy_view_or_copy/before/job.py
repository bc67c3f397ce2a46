import numpy as np
A = np.arange(9)[::2]
def f(x):
    return int(A.sum())
