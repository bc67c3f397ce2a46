import sys
def f(x):
    print('a', file=sys.stderr)
    return x
