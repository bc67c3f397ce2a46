SEEN = {}
def f(x):
    SEEN[x] = x
    return x
