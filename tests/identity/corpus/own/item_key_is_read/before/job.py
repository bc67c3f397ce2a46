KEYS = {}
K = 'a'
def f(x):
    KEYS[K] = x
    return repr(KEYS)
