def a(x):
    return x + 1
def b(x):
    return x * 2
def f(x):
    return a(b(x))
