import types
G = types.SimpleNamespace(a=1)
def f(x):
    return G.a
