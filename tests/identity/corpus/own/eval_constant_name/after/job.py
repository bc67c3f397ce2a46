K = 3
def f(x):
    return eval('K * 2')
