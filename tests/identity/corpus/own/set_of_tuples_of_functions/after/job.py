def a(x):
    return x + 1
def b(x):
    return x * 6
FS = {('a', a), ('b', b)}
def f(x):
    return sorted(g(x) for _, g in FS)
