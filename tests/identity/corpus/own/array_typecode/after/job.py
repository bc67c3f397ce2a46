import array
G = array.array('q', [1, 2])
def f(x):
    return G.itemsize
