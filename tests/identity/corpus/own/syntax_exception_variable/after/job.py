def f(x):
    try:
        return int('q')
    except ValueError as error:
        return str(error)
