class I(int):
    pass
G = I(4)
G.unit = 'km'
def f(x):
    return G.unit
