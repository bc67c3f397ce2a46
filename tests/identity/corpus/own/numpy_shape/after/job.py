import numpy as np
A = np.arange(6).reshape(3, 2)
def f(x):
    return A.shape
