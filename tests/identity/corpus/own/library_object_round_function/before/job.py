import fakedist
@fakedist.Task
def f(x):
    return x + 1
