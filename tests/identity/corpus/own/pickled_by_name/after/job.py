import pickle
class A:
    def m(self):
        return 2
DATA = pickle.dumps(A())
def f(x):
    return pickle.loads(DATA).m()
