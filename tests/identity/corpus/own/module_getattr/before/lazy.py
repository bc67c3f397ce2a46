def __getattr__(name):
    if name != 'thing':
        raise AttributeError(name)
    return lambda x: x + 1
