from pathlib import Path
T = Path('a/b')
def f(x):
    return T.name
