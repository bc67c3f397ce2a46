import space.a
def f(x):
    return space.a.g(x)
