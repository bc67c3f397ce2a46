import collections
G = collections.deque([1, 2], 2)
def f(x):
    return G.maxlen
