import abc
class A(abc.ABC):
    pass
A.register(str)
def f(x):
    return isinstance(x, A)
