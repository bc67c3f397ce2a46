import p
def f(x):
    return bin(x)
