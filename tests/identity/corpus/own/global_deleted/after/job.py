sum = max
del sum
def f(x):
    return sum([1, 2])
