T = {'a': 1}
def f(x):
    T['a'] += x
    return T['a']
