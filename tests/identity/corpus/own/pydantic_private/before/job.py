from pydantic import BaseModel, PrivateAttr
class M(BaseModel):
    _k: int = PrivateAttr(1)
    def g(self): return self._k
def f(): return M().g()
