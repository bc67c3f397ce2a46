T = (1, (2, (3, 4)))
def f(x):
    return T[1][1][1]
