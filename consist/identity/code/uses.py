"""How code uses the names outside itself: which attributes it follows, whether it only writes, what it imports.

Works on the instructions alone; what a name stands for is looked up later, when the walk runs (`references`).
"""

from __future__ import annotations

import dis
import re
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


class Op(NamedTuple):
    """One instruction."""

    opname: str
    opcode: int
    arg: int | None
    argval: Any
    offset: int


class Use(NamedTuple):
    """One way in which code uses a name.

    Parameters
    ----------
    kind : str
        ``"global"``, ``"cell"`` (a variable of an enclosing function) or ``"import"`` (inside the function).
    name : str
        Of the variable; for an import the module as written.
    chain : tuple of str
        The attributes that are taken from it, one after the other; those that go through modules are followed.
    writes : bool
        It is only written to: ``name.append(x)`` or ``name[k] = x``, the result unused, or ``name.x = …``.
    level : int
        For an import: the number of leading dots.
    whole : bool
        For an import: the name is that of the module (``from a.b import c``) and not of its root (``import a.b``).
    sets : bool
        The variable itself is bound anew, or deleted.
    target : str
        The attribute that is set or deleted of what the chain leads to.
    """

    kind: Literal["global", "cell", "import"]
    name: str
    chain: tuple[str, ...] = ()
    writes: bool = False
    level: int = 0
    whole: bool = False
    sets: bool = False
    target: str = ""


ATTRIBUTE = frozenset({"LOAD_ATTR", "LOAD_METHOD"})
SETTERS = frozenset({"STORE_GLOBAL", "DELETE_GLOBAL", "STORE_DEREF", "DELETE_DEREF"})
WRITERS = frozenset({"append", "add", "extend", "update", "insert", "appendleft", "extendleft", "clear", "discard"})
"""Methods of containers that return nothing and do not look at what is there."""

_NO_OPERANDS = frozenset({"PRECALL", "PUSH_NULL", "KW_NAMES"})
_NEAR = 6
"""Instructions before a call within which lies what is called, if it has one argument at most."""
_IMPORTERS = frozenset({"import_module", "__import__"})
_REARRANGES = frozenset({"SWAP", "UNPACK_SEQUENCE", "UNPACK_EX", "POP_TOP", "RETURN_VALUE", "SEND"})
"""After these nobody knows where the values are that were on top. No expression of Python 3.11 swaps; others may."""
ASKS_BY_TEXT = frozenset({"getattr", "hasattr", "attrgetter", "methodcaller"}) | {
    "agg",
    "aggregate",
    "apply",
    "transform",
    "pivot_table",
    "crosstab",
    "query",
    "eval",
}
"""What takes the name of an attribute as text, or texts with such names; the latter are of pandas' tables."""
_NAME_IN_TEXT = re.compile(r"(?:^|\.\s*)([A-Za-z_]\w*)")
_HOLD_TEXTS = frozenset({tuple, frozenset, list, set, dict})
_DEEP = 4
"""How deep texts are looked for: in a dict of lists of pairs, say."""
_CLOSURE = frozenset({"LOAD_CLOSURE", "LOAD_FAST", "BUILD_TUPLE"})
_HAS_ANNOTATIONS = 0x04
_ANNOTATES = 3
"""Instructions before the one that sets an item of ``__annotations__``."""
_JUMPS = frozenset(dis.hasjrel) | frozenset(dis.hasjabs)


def texts_in(value: Any, *, deep: int = _DEEP) -> Iterator[str]:
    """Find the texts in a constant, or in what containers hold."""
    if type(value) is str:
        yield value
    elif deep and type(value) in _HOLD_TEXTS:
        for item in (*value, *value.values()) if type(value) is dict else value:
            yield from texts_in(item, deep=deep - 1)


def names_in_texts(texts: Iterable[str]) -> set[str]:
    """Find what may be names of attributes in texts: all of one, or what follows a dot in it.

    Examples
    --------
    >>> sorted(names_in_texts(["mean", "a.b > 1", "two words"]))
    ['a', 'b', 'mean', 'two']
    """
    return {name for text in texts for name in _NAME_IN_TEXT.findall(text)}


def chain_after(ops: list[Op], position: int) -> tuple[str, ...]:
    """Return the attribute names that are taken from what the instruction at `position` loads."""
    chain = []
    for op in ops[position + 1 :]:
        if op.opname not in ATTRIBUTE:
            break
        chain.append(op.argval)
    return tuple(chain)


def closure_or_global_use(ops: list[Op], position: int, kind: Literal["global", "cell"]) -> Use:
    """Describe the use of the variable that is loaded at `position`."""
    name = ops[position].argval
    if ops[position].opname in SETTERS:
        return Use(kind, name, sets=True)
    chain = chain_after(ops, position)
    after = ops[position + 1 + len(chain) : position + 2 + len(chain)]
    target = after[0].argval if after and after[0].opname in {"STORE_ATTR", "DELETE_ATTR"} else ""
    if _only_writes(ops, position):
        return Use(kind, name, writes=True, target=target)
    return Use(kind, name, chain, target=target)


def _only_writes(ops: list[Op], position: int) -> bool:
    if position + 1 >= len(ops) or ops[position].opname.startswith("STORE"):
        return False
    follower = ops[position + 1]
    if follower.opname == "STORE_ATTR":
        return True
    if follower.opname in ATTRIBUTE:
        return follower.argval in WRITERS and _consumer(ops, position + 2, held=2) == "call"
    return _consumer(ops, position + 1, held=1) == "store"


def _consumer(ops: list[Op], start: int, *, held: int) -> str:
    """Tell what takes the `held` values on top of the stack: a call without result, an item store, or something else.

    Only straight code is followed; a branch among the arguments counts as something else, that is, as a read.
    """
    depth = held
    for position in range(start, len(ops)):
        op = ops[position]
        if op.opcode in _JUMPS or op.opname in _REARRANGES:
            return "other"
        after = depth + dis.stack_effect(op.opcode, op.arg, jump=False)
        # An instruction leaves at most its one result on top of what it did not touch.
        if op.opname != "PRECALL" and after - 1 < held:
            if op.opname == "STORE_SUBSCR":
                return "store" if depth == held + 1 else "other"
            unused = position + 1 < len(ops) and ops[position + 1].opname == "POP_TOP"
            return "call" if op.opname.startswith("CALL") and after == 1 and unused else "other"
        depth = after
    return "other"


def annotation_texts(ops: list[Op], *, is_decorated: bool) -> Iterator[str]:
    """Find annotations that are text: of what the code hands to something that may read them, or of the rest.

    A class is handed to its base or metaclass, a decorated function to its decorator.
    """
    for place, op in enumerate(ops):
        if op.opname == "STORE_SUBSCR" and is_decorated and place >= _ANNOTATES:
            value, target = ops[place - 3], ops[place - 2]
            if target.argval == "__annotations__" and value.opname == "LOAD_CONST" and isinstance(value.argval, str):
                yield value.argval
        elif op.opname == "LOAD_CONST" and isinstance(op.argval, tuple) and _is_text(op.argval):
            end = _made_with_annotations(ops, place)
            if end and is_decorated != ops[end].opname.startswith("STORE_"):
                yield from op.argval[1::2]


def _is_text(names_and_annotations: tuple[Any, ...]) -> bool:
    return all(isinstance(item, str) for item in names_and_annotations)


def _made_with_annotations(ops: list[Op], place: int) -> int:
    """Return the place after the function that is made with the tuple at `place` as its annotations; 0 if none is."""
    end = place + 1
    while ops[end].opname in _CLOSURE or hasattr(ops[end].argval, "co_code"):
        end += 1
    if end == place + 1 or ops[end].opname != "MAKE_FUNCTION":
        return 0
    bits, end = ops[end].arg or 0, end + 1
    while ops[end].opname == "SET_FUNCTION_ATTRIBUTE":  # from 3.13 on, one for each
        bits, end = bits | (ops[end].arg or 0), end + 1
    return end if bits & _HAS_ANNOTATIONS else 0


def annotation_uses(taken: list[Op]) -> Iterator[Use]:
    """Find the names in the instructions that compute annotations."""
    for place, op in enumerate(taken):
        if op.opname in {"LOAD_GLOBAL", "LOAD_NAME"}:
            yield Use("global", op.argval, chain_after(taken, place))


def unseeded_calls(ops: list[Op]) -> Iterator[str]:
    """Find what is called without an argument, or with None: such a generator of random numbers has no seed."""
    for position, op in enumerate(ops):
        if op.opname not in {"CALL", "CALL_KW"} or (op.arg or 0) > 1:
            continue
        before = [op for op in ops[max(0, position - _NEAR) : position] if op.opname not in _NO_OPERANDS]
        if op.opname == "CALL_KW":
            del before[-1:]  # the names of its arguments
        if op.arg and before and before[-1].opname == "LOAD_CONST" and before[-1].argval is None:
            del before[-1]
        elif op.arg:
            continue
        if before and before[-1].opname.startswith("LOAD_"):
            yield str(before[-1].argval)


def imported_uses(ops: list[Op]) -> Iterator[Use]:
    """Find the imports in a function, and what is taken from the modules they bind."""
    for position, op in enumerate(ops):
        if op.argval in _IMPORTERS and op.opname in ATTRIBUTE | {"LOAD_GLOBAL"}:
            yield from _imported_by_name(ops, position)
        if op.opname != "IMPORT_NAME":
            continue
        level, names = _import_arguments(ops, position)
        base = Use("import", op.argval, level=level, whole=bool(names) or level > 0)
        for prefix, store in _bound_names(ops, position):
            for chain in _chains_of_local(ops, store):
                yield base._replace(chain=prefix + chain)


def _imported_by_name(ops: list[Op], position: int) -> Iterator[Use]:
    """Find the module in ``import_module("name")``, if its name is written there."""
    following = [op for op in ops[position + 1 : position + 5] if op.opname not in {"PRECALL", "PUSH_NULL"}]
    if len(following) > 1 and following[0].opname == "LOAD_CONST" and following[1].opname == "CALL":
        name = following[0].argval
        if isinstance(name, str) and all(part.isidentifier() for part in name.split(".")):
            yield Use("import", name, whole=True)


def _import_arguments(ops: list[Op], position: int) -> tuple[int, Any]:
    level, names = (ops[position + step].argval for step in (-2, -1))
    return (level if isinstance(level, int) else 0), names


def _bound_names(ops: list[Op], position: int) -> Iterator[tuple[tuple[str, ...], Op]]:
    """List what an import binds: the attribute path from the module, and the instruction that stores it."""
    prefix: tuple[str, ...] = ()
    for op in ops[position + 1 :]:
        if op.opname == "IMPORT_FROM":
            prefix = (op.argval,)
        elif op.opname.startswith("STORE_"):
            yield prefix, op
            if not prefix:
                return
        elif op.opname not in {"POP_TOP", "SWAP"}:
            return


def _chains_of_local(ops: list[Op], store: Op) -> list[tuple[str, ...]]:
    """Return the attribute chains that are taken from a variable; the empty one if it escapes or is bound twice."""
    if store.opname != "STORE_FAST" or sum(_stores(op, store) for op in ops) != 1:
        return [()]
    loads = [position for position, op in enumerate(ops) if op.opname.startswith("LOAD_FAST") and op.arg == store.arg]
    # An import that nothing uses is there for what it does: all of the module counts.
    return list(dict.fromkeys(chain_after(ops, position) for position in loads)) or [()]


def _stores(op: Op, store: Op) -> bool:
    return op.opname in {"STORE_FAST", "DELETE_FAST"} and op.arg == store.arg
