import fakedist
fakedist.Task.__call__ = lambda self, x: x + 1
def f(x):
    return fakedist.Task(None)(x)
