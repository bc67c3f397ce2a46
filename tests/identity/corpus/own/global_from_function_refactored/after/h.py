def load():
    y = 5
    return y
