def f(x):
    import math

    import operator
    return operator.add(math.floor(x), 1)
