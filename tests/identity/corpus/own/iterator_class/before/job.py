class C:
    def __iter__(self):
        yield 1
def f(x):
    return list(C())
