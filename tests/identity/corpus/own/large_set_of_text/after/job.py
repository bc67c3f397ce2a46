S = {str(i) for i in range(2001)}
def f(x):
    return len(S)
