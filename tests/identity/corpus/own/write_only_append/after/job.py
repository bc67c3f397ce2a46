calls = [1, 2]
def f(x):
    calls.append(x)
    return x
