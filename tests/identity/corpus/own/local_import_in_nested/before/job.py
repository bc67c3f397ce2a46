def f(x):
    import h
    def inner(y):
        return h.g(y)
    return inner(x)
