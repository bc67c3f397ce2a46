import typing
class T(typing.NamedTuple):
    a: int
    def m(self):
        return self.a + 1
def f(x):
    return T(x).m()
