import datetime
class Day(datetime.date):
    pass
G = Day(2024, 1, 1)
G.note = 'b'
def f(x):
    return G.note, G.year
