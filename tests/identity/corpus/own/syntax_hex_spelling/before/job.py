def f(x):
    return x + 16
