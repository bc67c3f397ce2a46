T = {'a': True}
def f(x):
    return repr(T)
