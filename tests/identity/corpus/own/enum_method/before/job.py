import enum
class E(enum.Enum):
    A = 1
    def m(self):
        return self.value + 1
def f(x):
    return E.A.m()
