import enum
class E(enum.Enum):
    A = 1
def f(x):
    return E.A.value
