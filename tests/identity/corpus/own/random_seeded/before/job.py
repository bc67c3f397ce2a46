import random
R = random.Random(1)
def f(x):
    return R.random()
