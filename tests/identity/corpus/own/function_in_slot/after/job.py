class H:
    __slots__ = ('fn',)
def a(x):
    return x + 2
G = H()
G.fn = a
def f(x):
    return G.fn(x)
