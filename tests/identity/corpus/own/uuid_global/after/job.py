import uuid
U = uuid.UUID(int=2)
def f(x):
    return U.int
