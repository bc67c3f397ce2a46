def a(x):
    return x + 2
T = {a: 3}
def f(x):
    return [k(x) for k in T]
