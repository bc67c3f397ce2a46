class deco:
    def __init__(self, fn):
        self.fn = fn
    def __call__(self, x):
        return self.fn(x) + 1
@deco
def f(x):
    return x * 2
