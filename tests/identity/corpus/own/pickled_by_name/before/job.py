import pickle
class A:
    def m(self):
        return 1
DATA = pickle.dumps(A())
def f(x):
    return pickle.loads(DATA).m()
