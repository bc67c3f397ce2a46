import numpy as np
A = np.zeros(1, [('a', 'i4'), ('c', 'i4')])
def f(x):
    return A.dtype.names
