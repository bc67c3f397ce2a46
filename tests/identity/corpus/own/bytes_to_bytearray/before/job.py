T = b'ab'
def f(x):
    return type(T).__name__
