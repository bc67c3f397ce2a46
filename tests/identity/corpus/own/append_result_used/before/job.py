SEEN = {1: 2}
def f(x):
    return SEEN.setdefault(1, x)
