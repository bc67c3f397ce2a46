KEYS = {}
K = 'b'
def f(x):
    KEYS[K] = x
    return repr(KEYS)
