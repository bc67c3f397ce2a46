T = {1.0: 'a'}
def f(x):
    return repr(T)
