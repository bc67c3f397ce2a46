def f(x):
    g = lambda y=2: y
    return g()
