def f(x):
    def g(y: int):
        return y
    return g(x)
