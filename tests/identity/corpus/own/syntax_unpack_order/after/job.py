def f(x):
    b, a = x, 1
    return a - b
