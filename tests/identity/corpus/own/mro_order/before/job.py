class A:
    def m(self):
        return 'a'
class B:
    def m(self):
        return 'b'
class C(A, B):
    pass
def f(x):
    return C().m()
