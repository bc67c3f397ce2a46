import re
helper = 2
def f(x):
    return bool(re.compile('helper').match('helper'))
