import re
helper = 1
def f(x):
    return bool(re.compile('helper').match('helper'))
