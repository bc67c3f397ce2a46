import enum
class E(enum.Enum):
    "text"
    A = 1
def f(x):
    return E.A.value
