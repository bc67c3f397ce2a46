def f(x):
    from . import sub
    return sub.g(x)
