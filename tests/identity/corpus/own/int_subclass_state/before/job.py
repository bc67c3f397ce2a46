class I(int):
    pass
G = I(4)
G.unit = 'm'
def f(x):
    return G.unit
