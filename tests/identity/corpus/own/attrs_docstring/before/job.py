import attrs
@attrs.define
class P:
    'one'
    a: int = 1
def f(): return P().a
