def f(x):
    return [j for j in range(x)]
