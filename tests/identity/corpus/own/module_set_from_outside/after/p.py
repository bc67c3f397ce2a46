import h
h.K = 2
