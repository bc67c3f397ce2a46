import sys
sys.path.append("src")
import ed
def f(x):
    return ed.g(x)
