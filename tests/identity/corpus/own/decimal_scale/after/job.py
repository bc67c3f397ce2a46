from decimal import Decimal
T = Decimal('1.00')
def f(x):
    return str(T)
