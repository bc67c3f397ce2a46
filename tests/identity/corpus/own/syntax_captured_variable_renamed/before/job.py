def f(x):
    a = x
    b = 2
    return (lambda: a - b)()
