import builtins
_b = bin
builtins.bin = lambda x: _b(x) + '1'
