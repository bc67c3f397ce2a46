from pydantic import BaseModel, PrivateAttr
class M(BaseModel):
    _k: int = PrivateAttr(2)
    def g(self): return self._k
def f(): return M().g()
