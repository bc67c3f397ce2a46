import h
h.K = 1
