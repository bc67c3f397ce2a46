import functools
class P:
    @functools.cached_property
    def v(self):
        return 5
G = P()
def f(x):
    return G.v
