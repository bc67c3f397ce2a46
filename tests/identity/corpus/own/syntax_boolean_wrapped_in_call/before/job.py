def f(x):
    return max(1, x > 0 and (x > 1 or x < 9) and x) or 4
