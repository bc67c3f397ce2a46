def g():
    'one'
def f(x):
    return g.__doc__
