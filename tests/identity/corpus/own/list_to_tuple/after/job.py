T = (1, 2)
def f(x):
    return repr(T)
