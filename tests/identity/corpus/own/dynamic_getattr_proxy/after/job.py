class Proxy:
    def __init__(self, o):
        object.__setattr__(self, '_o', o)
    def __getattr__(self, name):
        return getattr(object.__getattribute__(self, '_o'), name)
G = Proxy({'a': 2})
def f(x):
    return G.get('a')
