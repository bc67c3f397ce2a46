def make(n):
    def inner(x):
        nonlocal n
        n += 1
        return n
    return inner
f = make(1)
