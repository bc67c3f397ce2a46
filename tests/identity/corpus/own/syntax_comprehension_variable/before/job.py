def f(x):
    return [i for i in range(x)]
