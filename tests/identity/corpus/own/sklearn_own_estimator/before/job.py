from sklearn.base import BaseEstimator, RegressorMixin, clone

class E(RegressorMixin, BaseEstimator):
    def __init__(self, k=1): self.k = k
    def fit(self, X, y): self.m_ = self.k; return self
    def predict(self, X): return [self.m_ for _ in X]
X = E(2)
def f(): return clone(X).fit([[1]], [1]).predict([[1]])
