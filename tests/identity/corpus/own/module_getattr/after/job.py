import lazy
def f(x):
    return lazy.thing(x)
