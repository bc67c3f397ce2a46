def b(x):
    return x * 2
def a(x):
    return x + 1
def f(x):
    return a(b(x))
