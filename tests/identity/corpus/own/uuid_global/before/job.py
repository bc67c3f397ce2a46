import uuid
U = uuid.UUID(int=1)
def f(x):
    return U.int
