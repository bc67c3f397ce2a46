import typing
class T(typing.TypedDict):
    a: int
def f(x):
    return sorted(T.__required_keys__)
