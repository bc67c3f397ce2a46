f = [1, 2, 3].index
