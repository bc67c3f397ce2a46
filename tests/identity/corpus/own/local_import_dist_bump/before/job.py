def f(x):
    import lower
    return lower.g(x)
