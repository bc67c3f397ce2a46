def f(x):
    return x if __name__ else 0
