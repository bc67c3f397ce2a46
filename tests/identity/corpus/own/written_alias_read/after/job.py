A = []
B = []
def f(x):
    A.append(x)
    return len(B)
