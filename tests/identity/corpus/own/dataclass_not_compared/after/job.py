import dataclasses
@dataclasses.dataclass(frozen=True, slots=True)
class P:
    a: int
    b: int = dataclasses.field(default=0, compare=False)
G = P(1, 3)
def f(x):
    return G.b
