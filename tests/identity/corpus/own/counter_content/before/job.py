import collections
G = collections.Counter('aab')
def f(x):
    return G['a']
