def f(x):
    for i in range(x):
        if i:
            continue
    return i
