import pathlib
class P(type(pathlib.Path())):
    def m(self):
        return 2
G = P('a')
def f(x):
    return G.m()
