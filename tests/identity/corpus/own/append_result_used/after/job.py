SEEN = {1: 9}
def f(x):
    return SEEN.setdefault(1, x)
