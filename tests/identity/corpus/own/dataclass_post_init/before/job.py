import dataclasses
@dataclasses.dataclass
class P:
    a: int = 1
    def __post_init__(self):
        self.a += 1
def f(x):
    return P().a
