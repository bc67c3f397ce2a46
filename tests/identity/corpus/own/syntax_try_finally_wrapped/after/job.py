def f(x):
    try:
        y = int(x)


    finally:
        z = 1  # one

    return (
        y
        + z
    )
