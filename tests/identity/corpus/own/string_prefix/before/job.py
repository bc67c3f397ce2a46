def f(x):
    return 'a'
