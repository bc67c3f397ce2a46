def f(x):
    z = x
    b = 2
    return (lambda: z - b)()
