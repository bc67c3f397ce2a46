def f(x):
    return '\x61'
