def f(x):
    return bool(
        x
        and x > 1
        or x < 0
        and not x
    )
