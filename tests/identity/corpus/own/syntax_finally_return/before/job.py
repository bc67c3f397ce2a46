def f(x):
    try:
        return 1
    finally:
        x = 2
