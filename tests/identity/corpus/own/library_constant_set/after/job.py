import fakedist
fakedist.LIMIT = 6
def f(x):
    return fakedist.LIMIT
