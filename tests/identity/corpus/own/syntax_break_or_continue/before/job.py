def f(x):
    for i in range(x):
        if i:
            break
    return i
