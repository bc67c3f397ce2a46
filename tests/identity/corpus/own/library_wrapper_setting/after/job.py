import fakedist
@fakedist.retry(5)
def f(x):
    return x
