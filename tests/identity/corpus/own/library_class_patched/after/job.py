import fakedist
fakedist.Task.__call__ = lambda self, x: x + 2
def f(x):
    return fakedist.Task(None)(x)
