import attrs
def limit(instance, attribute, value):
    if value < 1:
        raise ValueError(value)
@attrs.define
class P:
    a: int = attrs.field(validator=limit)
def f():
    try:
        return P(0).a
    except ValueError:
        return "refused"
