def f(x: float):
    return str(f.__annotations__)
