import importlib
def f(x):
    return importlib.import_module('helper').g(x)
