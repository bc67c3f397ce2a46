import datetime
T = datetime.date(2024, 1, 1)
def f(x):
    return T.year
