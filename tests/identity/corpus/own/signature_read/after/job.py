import inspect
def g(a, c=1):
    return 0
def f(x):
    return list(inspect.signature(g).parameters)
