import importlib
def f(x):
    return 'setup', importlib.import_module('math').floor(x)
