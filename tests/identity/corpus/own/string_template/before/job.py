import string
G = string.Template('a $x')
def f(x):
    return G.substitute(x=x)
