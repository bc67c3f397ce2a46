class V:
    def __add__(self, o):
        return 1
def f(x):
    return V() + V()
