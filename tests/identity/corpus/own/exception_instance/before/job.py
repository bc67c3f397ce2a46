E = ValueError('a')
def f(x):
    return str(E)
