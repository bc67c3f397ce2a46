import attrs
@attrs.define
class P:
    'two'
    a: int = 1
def f(): return P().a
