SEEN = {0: 1}
def f(x):
    SEEN[x] = x
    return x
