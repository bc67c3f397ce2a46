def f(x):
    return 'a b'.split().copy()[0].upper().strip()
