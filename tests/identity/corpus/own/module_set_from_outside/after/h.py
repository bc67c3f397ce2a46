K = 0
def g():
    return K
