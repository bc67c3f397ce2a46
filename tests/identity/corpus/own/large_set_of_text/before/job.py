S = {str(i) for i in range(2000)}
def f(x):
    return len(S)
