import fakedist
fakedist.LIMIT = 5
def f(x):
    return fakedist.LIMIT
