from pydantic import BaseModel, Field, field_validator
class M(BaseModel):
    a: int = Field(default=3, ge=0)
    @field_validator('a')
    @classmethod
    def check(cls, v):
        return v + 1
def f(x):
    try:
        return M(a=x).a, M().a
    except ValueError:
        return 'no'
