import collections
G = collections.defaultdict(int)
def f(x):
    return G['q'] == 0
