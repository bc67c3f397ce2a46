class P:
    def __init__(self, k):
        self.k = k
    def __repr__(self):
        return 'P'
G = P(3)
def f(x):
    return x * vars(G)['k']
