class V:
    def __add__(self, o):
        return 2
def f(x):
    return V() + V()
