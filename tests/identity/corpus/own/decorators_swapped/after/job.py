def a(fn):
    return lambda x: fn(x) + 1
def b(fn):
    return lambda x: fn(x) * 2
@b
@a
def f(x):
    return x
