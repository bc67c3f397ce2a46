def f(x):
    return x not in [1]
