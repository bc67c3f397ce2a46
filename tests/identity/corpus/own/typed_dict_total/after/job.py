import typing
class T(typing.TypedDict, total=False):
    a: int
def f(x):
    return sorted(T.__required_keys__)
