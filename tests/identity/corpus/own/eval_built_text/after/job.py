KA = 3
def f(x):
    return eval('K' + chr(65))
