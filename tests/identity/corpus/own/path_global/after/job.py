from pathlib import Path
T = Path('a/c')
def f(x):
    return T.name
