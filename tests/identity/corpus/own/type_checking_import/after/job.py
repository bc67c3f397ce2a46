from typing import TYPE_CHECKING
if TYPE_CHECKING:
    import json
def f(x):
    return x
