from pydantic import BaseModel
class M(BaseModel):
    a: int = 1
X = M()
def f():
    return X.model_dump(exclude_unset=True)
