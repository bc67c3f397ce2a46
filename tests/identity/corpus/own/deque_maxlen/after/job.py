import collections
G = collections.deque([1, 2], 3)
def f(x):
    return G.maxlen
