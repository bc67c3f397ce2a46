def f(x):
    import pkg.sub as s
    return s.g(x)
