import numpy as np
R = np.random.default_rng(1)
def f(x):
    return R.random()
