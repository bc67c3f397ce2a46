def f(x):
    g = lambda y=1: y
    return g()
