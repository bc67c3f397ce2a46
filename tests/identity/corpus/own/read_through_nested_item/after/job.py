T = {'a': [1, 2]}
def f(x):
    T['a'].append(x)
    return x
