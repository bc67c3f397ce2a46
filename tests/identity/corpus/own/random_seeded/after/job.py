import random
R = random.Random(2)
def f(x):
    return R.random()
