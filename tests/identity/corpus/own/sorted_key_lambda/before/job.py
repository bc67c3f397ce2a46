KEY = lambda v: v
def f(x):
    return sorted([1, 2], key=KEY)
