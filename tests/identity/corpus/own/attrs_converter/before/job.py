import attrs
@attrs.define
class P:
    a: int = attrs.field(converter=lambda x: x + 1)
def f(): return P(1).a
