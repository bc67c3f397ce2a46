def f(x):
    try:
        return int('q')
    except ValueError as e:
        return str(e)
