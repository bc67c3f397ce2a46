def f(x):
    return dict(*[[('a', 1)]])
