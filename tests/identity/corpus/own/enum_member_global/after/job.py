import enum
class E(enum.Enum):
    A = 'a'
    B = 'b'
G = E.B
def f(x):
    return G.value
