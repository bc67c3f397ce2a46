def f(x):
    return u'a'
