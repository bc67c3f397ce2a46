import string
G = string.Template('b $x')
def f(x):
    return G.substitute(x=x)
