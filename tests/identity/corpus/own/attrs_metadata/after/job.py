import attrs
@attrs.define
class P:
    a: int = attrs.field(default=1, metadata={'u': 2})
def f(): return attrs.fields(P).a.metadata['u']
