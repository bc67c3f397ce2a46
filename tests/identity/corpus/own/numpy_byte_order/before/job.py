import numpy as np
A = np.array([1], '<i4')
def f(x):
    return A.tobytes().hex()
