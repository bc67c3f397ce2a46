import dataclasses
@dataclasses.dataclass
class P:
    a: int
G = P(1)
G.b = 3
def f(x):
    return G.b
