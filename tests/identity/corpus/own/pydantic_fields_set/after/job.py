from pydantic import BaseModel
class M(BaseModel):
    a: int = 1
X = M(a=1)
def f():
    return X.model_dump(exclude_unset=True)
