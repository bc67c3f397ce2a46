import array
G = array.array('b', [1, 2])
def f(x):
    return G.itemsize
