class P:
    def __init__(self, k):
        self.k = k
    def __getattribute__(self, name):
        return 7 if name == '__dict__' else object.__getattribute__(self, name)
G = P(2)
def f(x):
    return x * G.k
