import functools
class A:
    def m(self, n):
        return n
    p = functools.partialmethod(m, 3)
def f(x):
    return A().p()
