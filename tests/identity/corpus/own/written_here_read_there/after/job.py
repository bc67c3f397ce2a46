calls = [1, 2]
def g():
    return len(calls)
def f(x):
    calls.append(x)
    return g()
