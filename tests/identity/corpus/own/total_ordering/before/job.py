import functools
@functools.total_ordering
class A:
    def __init__(self, v):
        self.v = v
    def __eq__(self, o):
        return self.v == o.v
    def __lt__(self, o):
        return self.v < o.v
def f(x):
    return A(1) >= A(x)
