T = (1, (2, (3, 5)))
def f(x):
    return T[1][1][1]
