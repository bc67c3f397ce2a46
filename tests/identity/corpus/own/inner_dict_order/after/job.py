T = [{'b': 2, 'a': 1}]
def f(x):
    return list(T[0])
