def f(x):
    for i in range(
        x
    ):
        if (
            i > 1
        ):
            return i

    return None
