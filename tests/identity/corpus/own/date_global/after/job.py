import datetime
T = datetime.date(2025, 1, 1)
def f(x):
    return T.year
