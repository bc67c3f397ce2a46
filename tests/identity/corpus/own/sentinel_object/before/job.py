MISSING = object()
def f(x, y=MISSING):
    return y is MISSING
