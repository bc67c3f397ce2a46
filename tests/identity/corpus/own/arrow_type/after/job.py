import pyarrow as pa
T = pa.array([1], pa.int32())
def f(x):
    return str(T.type)
