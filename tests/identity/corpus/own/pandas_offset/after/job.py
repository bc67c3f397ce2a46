import pandas as pd
X = pd.offsets.MonthBegin(1)
def f():
    return str(pd.Timestamp('2026-01-15') + X)
