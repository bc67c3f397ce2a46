import inspect
def g(a, b=1):
    return 0
def f(x):
    return list(inspect.signature(g).parameters)
