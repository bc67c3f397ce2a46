class A:
    def __getattr__(self, name):
        return len(name)
def f(x):
    return A().abc
