import enum
class E(enum.Enum):
    A = 1
    def __init__(self, v):
        self.label = 'a'
def f(x):
    return E.A.label
