import struct
G = struct.Struct('>i')
def f(x):
    return G.pack(1).hex()
