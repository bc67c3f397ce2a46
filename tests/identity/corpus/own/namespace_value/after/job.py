import types
G = types.SimpleNamespace(a=2)
def f(x):
    return G.a
