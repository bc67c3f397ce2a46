def g(x):
    return x + 1
OTHER = 5
