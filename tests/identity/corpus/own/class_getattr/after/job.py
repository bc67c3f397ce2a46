class A:
    def __getattr__(self, name):
        return len(name) + 1
def f(x):
    return A().abc
