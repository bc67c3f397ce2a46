class P:
    def __init__(self, k):
        self.k = k
    def __repr__(self):
        return 'P'
G = P(2)
def f(x):
    return x * vars(G)['k']
