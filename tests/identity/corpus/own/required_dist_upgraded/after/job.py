import upper
def f(x):
    return upper.g(x)
