import functools
class A:
    @functools.singledispatchmethod
    def m(self, x):
        return 0
    @m.register
    def _(self, x: int):
        return x + 2
def f(x):
    return A().m(x)
