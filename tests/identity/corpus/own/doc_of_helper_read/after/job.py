def g():
    'two'
def f(x):
    return g.__doc__
