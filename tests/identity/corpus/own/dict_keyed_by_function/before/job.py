def a(x):
    return x + 1
T = {a: 3}
def f(x):
    return [k(x) for k in T]
