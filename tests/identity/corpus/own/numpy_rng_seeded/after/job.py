import numpy as np
R = np.random.default_rng(2)
def f(x):
    return R.random()
