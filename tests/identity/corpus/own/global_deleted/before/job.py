sum = max
def f(x):
    return sum([1, 2])
