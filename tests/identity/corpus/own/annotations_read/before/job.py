def f(x: int):
    return str(f.__annotations__)
