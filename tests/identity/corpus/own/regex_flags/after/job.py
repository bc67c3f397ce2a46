import re
R = re.compile('a')
def f(x):
    return bool(R.match('A'))
