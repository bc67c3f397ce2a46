def f(x):
    import h
    return h.g(x)
