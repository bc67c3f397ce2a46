def f(x):
    return 2 if x else 1
