import datetime
class Day(datetime.date):
    pass
G = Day(2024, 1, 1)
G.note = 'a'
def f(x):
    return G.note, G.year
