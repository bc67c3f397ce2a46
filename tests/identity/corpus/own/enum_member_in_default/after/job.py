import enum
class E(enum.Enum):
    A = 1
    B = 2
def f(x, e=E.B):
    return e.value
