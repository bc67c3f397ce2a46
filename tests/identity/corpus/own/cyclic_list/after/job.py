A = [2]
A.append(A)
def f(x):
    return A[1][1][0]
