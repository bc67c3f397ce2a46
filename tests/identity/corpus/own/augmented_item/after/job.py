T = {'a': 2}
def f(x):
    T['a'] += x
    return T['a']
