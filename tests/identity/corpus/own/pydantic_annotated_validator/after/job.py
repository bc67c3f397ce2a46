import typing

from pydantic import BaseModel, BeforeValidator
T = typing.Annotated[int, BeforeValidator(lambda v: v + 2)]
class M(BaseModel):
    a: T
def f(): return M(a=1).a
