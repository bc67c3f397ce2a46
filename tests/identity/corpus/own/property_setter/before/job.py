class A:
    def __init__(self):
        self._v = 0
    @property
    def v(self):
        return self._v
    @v.setter
    def v(self, value):
        self._v = value + 1
def f(x):
    a = A()
    a.v = x
    return a.v
