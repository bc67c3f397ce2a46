def f(x, acc=[1]):
    return acc + [x]
