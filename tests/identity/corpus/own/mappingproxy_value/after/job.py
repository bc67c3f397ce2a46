import types
G = types.MappingProxyType({'a': 2})
def f(x):
    return G['a']
