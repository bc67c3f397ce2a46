MISSING = object()
def f(x, y=None):
    return y is MISSING
