def len(s):
    return 9
def f(x):
    return len('ab')
