K = 2
def f(x):
    return eval('K * 2')
