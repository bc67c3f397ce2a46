KA = 2
def f(x):
    return eval('K' + chr(65))
