from pydantic import BaseModel, field_serializer
class M(BaseModel):
    a: int = 1
    @field_serializer('a')
    def s(self, v): return v + 1
def f(): return M().model_dump()
