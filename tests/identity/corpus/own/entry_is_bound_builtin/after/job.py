f = [3, 2, 1].index
