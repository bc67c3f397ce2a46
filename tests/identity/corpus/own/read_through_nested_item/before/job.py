T = {'a': [1]}
def f(x):
    T['a'].append(x)
    return x
