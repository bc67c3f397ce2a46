import re
R = re.compile('a', re.I)
def f(x):
    return bool(R.match('A'))
