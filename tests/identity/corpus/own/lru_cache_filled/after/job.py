import functools
@functools.cache
def g(x):
    return x + 1
g(1)
def f(x):
    return g(x)
