class A:
    __slots__ = ('a',)
class B(A):
    __slots__ = ('b',)
G = B()
G.a = 1
G.b = 2
def f(x):
    return G.a
