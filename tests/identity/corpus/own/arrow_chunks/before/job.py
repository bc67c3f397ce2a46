import pyarrow as pa
T = pa.chunked_array([[1, 2], [3]])
def f(x):
    return T.to_pylist()
