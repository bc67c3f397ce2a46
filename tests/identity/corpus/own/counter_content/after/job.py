import collections
G = collections.Counter('abb')
def f(x):
    return G['a']
