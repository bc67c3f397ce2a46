import functools
class A:
    def m(self, n):
        return n
    p = functools.partialmethod(m, 2)
def f(x):
    return A().p()
