import typing
class C:
    a: int
def f(x):
    return typing.get_type_hints(C)['a'].__name__
