class C:
    def __enter__(self):
        return 1
    def __exit__(self, *a):
        return False
def f(x):
    with C() as c:
        return c
