def f(x):
    while x:
        x -= 1
    else:
        x = 9
    return x
