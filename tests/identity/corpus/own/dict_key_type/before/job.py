T = {1: 'a'}
def f(x):
    return repr(T)
