from typing import Generic, TypeVar
T = TypeVar('T')
class Box(Generic[T]):
    def get(self):
        return 1
B = Box[int]
def f(x):
    return B().get()
