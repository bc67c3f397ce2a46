class Desc:
    def __get__(self, obj, cls):
        return 6
class A:
    d = Desc()
def f(x):
    return A().d
