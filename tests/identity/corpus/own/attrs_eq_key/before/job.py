import attrs
@attrs.define
class P:
    a: str = attrs.field(eq=str.lower)
def f():
    return P("a") == P("b")
