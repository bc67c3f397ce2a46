def f(x):
    return x is not None
