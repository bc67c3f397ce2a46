from a import A
import patch
def f(x):
    return A().m(x)
