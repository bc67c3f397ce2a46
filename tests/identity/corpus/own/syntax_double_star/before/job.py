def f(x):
    return dict(**{'a': x})
