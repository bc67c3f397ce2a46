def f(x):
    try:
        return 1
    finally:
        return 2
