def f(x, acc=[2]):
    return acc + [x]
