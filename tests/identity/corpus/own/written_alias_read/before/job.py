A = []
B = A
def f(x):
    A.append(x)
    return len(B)
