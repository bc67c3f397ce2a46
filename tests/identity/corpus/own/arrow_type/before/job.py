import pyarrow as pa
T = pa.array([1], pa.int64())
def f(x):
    return str(T.type)
