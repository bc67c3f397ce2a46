import pkg.a.b as q
def f(x):
    return q.g(x)
