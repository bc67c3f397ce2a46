def f(x):
    return not x in [1]
