def f(x):
    'one'
    return f.__doc__
