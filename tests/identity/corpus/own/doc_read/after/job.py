def f(x):
    'two'
    return f.__doc__
