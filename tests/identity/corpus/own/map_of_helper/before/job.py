def g(x):
    return x + 1
def f(x):
    return list(map(g, [x]))
