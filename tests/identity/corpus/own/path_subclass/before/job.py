import pathlib
class P(type(pathlib.Path())):
    def m(self):
        return 1
G = P('a')
def f(x):
    return G.m()
