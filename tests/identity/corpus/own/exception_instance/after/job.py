E = ValueError('b')
def f(x):
    return str(E)
