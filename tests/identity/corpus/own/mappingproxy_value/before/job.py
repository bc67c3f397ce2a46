import types
G = types.MappingProxyType({'a': 1})
def f(x):
    return G['a']
