calls = [1]
def g():
    return len(calls)
def f(x):
    calls.append(x)
    return g()
