"""Annotations as the compiler of Python 3.14 leaves them: in a function ``__annotate__`` that computes them.

Nothing of it runs unless somebody asks, so that of a function is left out, as older compilers' annotations are.
"""

from __future__ import annotations

import dis
from itertools import pairwise
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from consist.identity.code.uses import Op

_CLOSURE = 0x08
_NAME = "__annotate__"


def is_computing(value: Any) -> bool:
    """Tell whether a constant is code that computes annotations."""
    return hasattr(value, "co_code") and value.co_name == _NAME


def computing_span(ops: list[Op], end: int) -> tuple[int, int] | None:
    """Find the instructions before `end` that make such a function, with what it closes over."""
    start = end - 1
    has_cells = ops[start].opname == "SET_FUNCTION_ATTRIBUTE" and ops[start].arg == _CLOSURE
    start -= 2 if has_cells else 1
    if start < 0 or ops[start + 1].opname != "MAKE_FUNCTION" or not is_computing(ops[start].argval):
        return None
    if has_cells:
        start -= 1 + (ops[start - 1].arg or 0)
    return start, end


def texts_computed(ops: list[Op]) -> Iterator[str]:
    """List the annotations that are text, of those that such code computes.

    Those of a function lie on the stack behind their names, two by two; those of a class go into a dict one by one.
    """
    begin = next((place + 1 for place, op in enumerate(ops) if op.opname == "RAISE_VARARGS"), 0)
    is_class = ops[begin].opname == "BUILD_MAP" and not ops[begin].arg
    depth = 0
    for op, after in pairwise(ops[begin:]):
        is_value = after.opname == "COPY" if is_class else depth % 2 and after.opname in {"LOAD_CONST", "BUILD_MAP"}
        if is_value and op.opname == "LOAD_CONST" and isinstance(op.argval, str):
            yield op.argval
        depth += dis.stack_effect(op.opcode, op.arg, jump=False)
