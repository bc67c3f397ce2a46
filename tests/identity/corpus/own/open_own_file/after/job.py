def f(x):
    with open('d.txt') as s:
        return s.read()
