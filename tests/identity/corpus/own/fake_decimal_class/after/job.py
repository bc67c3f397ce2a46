class Decimal:
    __slots__ = ('v',)
    def __init__(self, v):
        self.v = v
Decimal.__module__ = 'decimal'
G = Decimal(2)
def f(x):
    return G.v
