def f(x):
    if (m := x) > 1:
        return m
