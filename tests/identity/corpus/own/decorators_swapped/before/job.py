def a(fn):
    return lambda x: fn(x) + 1
def b(fn):
    return lambda x: fn(x) * 2
@a
@b
def f(x):
    return x
