import fakedist
@fakedist.retry(3)
def f(x):
    return x
