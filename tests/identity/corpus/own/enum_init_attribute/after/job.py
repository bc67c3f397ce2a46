import enum
class E(enum.Enum):
    A = 1
    def __init__(self, v):
        self.label = 'b'
def f(x):
    return E.A.label
