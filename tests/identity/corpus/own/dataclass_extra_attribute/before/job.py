import dataclasses
@dataclasses.dataclass
class P:
    a: int
G = P(1)
G.b = 2
def f(x):
    return G.b
