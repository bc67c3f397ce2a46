class Desc:
    def __get__(self, obj, cls):
        return 5
class A:
    d = Desc()
def f(x):
    return A().d
