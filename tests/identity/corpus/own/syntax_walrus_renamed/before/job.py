def f(x):
    if (n := x) > 1:
        return n
