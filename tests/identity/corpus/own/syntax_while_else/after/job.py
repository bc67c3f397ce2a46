def f(x):
    while x:
        x -= 1
    x = 8
    return x
