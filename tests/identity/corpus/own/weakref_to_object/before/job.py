import weakref
class A:
    k = 1
a = A()
R = weakref.ref(a)
def f(x):
    return R().k
