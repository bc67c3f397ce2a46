K = 2
def f(x):
    out = {}
    exec('y = K', globals(), out)
    return out['y']
