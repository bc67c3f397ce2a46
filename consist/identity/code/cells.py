"""Numbers for variables that functions share with the functions in them, free of the variables' names.

The compiler sorts such variables by name, so that a renamed one would change places. Here they are numbered in the
order in which the code uses them; a parameter keeps its position.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import CodeType

    from consist.identity.code.uses import Op

_LOADS_CELL = frozenset({"LOAD_CLOSURE", "LOAD_FAST"})


class CellNumbers:
    """The numbers of one code object's cells and free variables.

    Parameters
    ----------
    code : code
        The code object.
    ops : list of Op
        Its instructions.
    inner_order : callable
        Returns the names of an inner code object's free variables in the order of their numbers there.
    """

    def __init__(self, code: CodeType, ops: list[Op], inner_order: Callable[[CodeType], list[str]]) -> None:
        self._shared = frozenset(code.co_cellvars) | frozenset(code.co_freevars)
        self._free = frozenset(code.co_freevars)
        self._inner_order = inner_order
        count = code.co_argcount + code.co_kwonlyargcount + bool(code.co_flags & 4) + bool(code.co_flags & 8)
        parameters = code.co_varnames[:count]
        self._numbers = {name: place for place, name in enumerate(parameters) if name in self._shared}
        self._next = count
        self.closure_names: dict[int, str] = {}
        """What each instruction loads that hands a variable to an inner function, in the inner one's order."""
        self._read(ops)

    def number(self, name: str) -> int:
        """Return a variable's number."""
        if name not in self._numbers:
            self._numbers[name] = self._next
            self._next += 1
        return self._numbers[name]

    def is_shared(self, op: Op) -> bool:
        """Tell whether an instruction loads or stores such a variable."""
        return isinstance(op.argval, str) and op.argval in self._shared

    def free_order(self) -> list[str]:
        """Return the free variables in the order of their numbers."""
        return sorted(sorted(self._free), key=self.number)

    def _read(self, ops: list[Op]) -> None:
        place = 0
        while place < len(ops):
            op = ops[place]
            if op.opname in _LOADS_CELL and self.is_shared(op):
                end = place
                while end < len(ops) and ops[end].opname in _LOADS_CELL and self.is_shared(ops[end]):
                    end += 1
                names = [found.argval for found in ops[place:end]]
                if end + 1 < len(ops) and ops[end].opname == "BUILD_TUPLE" and hasattr(ops[end + 1].argval, "co_code"):
                    inner = ops[end + 1].argval
                    by_name = dict(zip(inner.co_freevars, names[-(ops[end].arg or 0) :], strict=False))
                    names = names[: -(ops[end].arg or 0)] + [by_name[name] for name in self._inner_order(inner)]
                self.closure_names.update((place + step, name) for step, name in enumerate(names))
                for name in names:
                    self.number(name)
                place = end
                continue
            if "DEREF" in op.opname and self.is_shared(op):
                self.number(op.argval)
            place += 1
