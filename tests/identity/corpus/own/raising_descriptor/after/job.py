class P:
    def __init__(self, k):
        self._k = k
    @property
    def k(self):
        raise RuntimeError
G = P(3)
def f(x):
    return vars(G)['_k']
