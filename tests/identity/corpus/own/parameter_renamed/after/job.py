def f(y):
    return y
