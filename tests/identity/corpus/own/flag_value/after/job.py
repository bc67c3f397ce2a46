import enum
class E(enum.Flag):
    A = 1
    B = 2
G = E.A
def f(x):
    return G.value
