class M(type):
    def __call__(cls, x):
        return x + 1
class A(metaclass=M):
    pass
def f(x):
    return A(x)
