import numpy as np
A = np.array([1, 'y'], dtype=object)
def f(x):
    return A[1]
