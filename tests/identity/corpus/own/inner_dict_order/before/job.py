T = [{'a': 1, 'b': 2}]
def f(x):
    return list(T[0])
