import enum
class E(enum.Enum):
    A = 'a'
    B = 'b'
G = E.A
def f(x):
    return G.value
