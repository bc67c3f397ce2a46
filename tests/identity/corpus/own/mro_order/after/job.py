class A:
    def m(self):
        return 'a'
class B:
    def m(self):
        return 'b'
class C(B, A):
    pass
def f(x):
    return C().m()
