class A:
    def m(self):
        return 2
def f(x):
    return isinstance(x, A)
