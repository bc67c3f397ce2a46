import collections
G = collections.defaultdict(list)
def f(x):
    return G['q'] == 0
