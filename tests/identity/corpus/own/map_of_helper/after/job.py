def g(x):
    return x + 2
def f(x):
    return list(map(g, [x]))
