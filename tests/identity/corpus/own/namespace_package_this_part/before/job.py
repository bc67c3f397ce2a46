import space.b
def f(x):
    return space.b.g(x), __import__("importlib.metadata").metadata.version("ns_b")
