def f(x):
    def g(y: float):
        return y
    return g(x)
