def f(x):
    return f'{x:{6}}'
