class P:
    def __init__(self, k):
        self.k = k
    def __eq__(self, o):
        return True
    def __hash__(self):
        return 1
G = P(2)
def f(x):
    return x * vars(G)['k']
