import abc
class A(abc.ABC):
    pass
A.register(int)
def f(x):
    return isinstance(x, A)
