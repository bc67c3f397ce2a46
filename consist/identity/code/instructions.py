"""One code object, one byte string: the instructions without what does not change a result.

What is left out: line numbers, file names, docstrings, names of local variables, the order of constants and names, and
what the compiler adds for debuggers (``NOP``, ``RESUME``, ``CACHE``). What is kept: every instruction in order, each
constant where it is loaded and by tagged value, each attribute by name, each local variable by index, each jump and
each range of an exception handler by the ordinal of an instruction. A global is an ordinal too: what it refers to is
the walk's business, and the list of such uses is the other result here.

The bytes are comparable within one minor version of Python only; the walk adds that version. Nothing is read from the
file on disk, and no code is run.
"""

from __future__ import annotations

import dis
import weakref
from bisect import bisect_left
from typing import TYPE_CHECKING, Any, NamedTuple

from consist.hashing.canonical import blob, encode, text
from consist.identity.code.cells import CellNumbers
from consist.identity.code.lazily import is_computing, texts_computed
from consist.identity.code.simplify import HAS_LOAD_METHOD, JUMPS, handler_targets, simplify, without_annotations
from consist.identity.code.uses import (
    ASKS_BY_TEXT,
    ATTRIBUTE,
    Op,
    Use,
    annotation_texts,
    annotation_uses,
    chain_after,
    closure_or_global_use,
    imported_uses,
    names_in_texts,
    texts_in,
    unseeded_calls,
)

if TYPE_CHECKING:
    from types import CodeType

CLASS_NOISE = frozenset({"__module__", "__qualname__", "__doc__", "__firstlineno__", "__static_attributes__"})
"""Names that the compiler stores in every class body, with what it stores just before."""

READS_LOCAL_NAMES = frozenset(
    {"locals", "vars", "eval", "exec", "dir", "query", "evaluate", "_getframe", "currentframe"}
)
_FLAGS = 0x04 | 0x08 | 0x20 | 0x80 | 0x100 | 0x200
"""Of ``co_flags`` only: star arguments, generator, coroutine, iterable coroutine, asynchronous generator."""
_OPTIMIZED = 0x01


class CodeFacts(NamedTuple):
    """What the walk needs to know of a code object and of those nested in it."""

    body: bytes
    """The canonical instructions."""
    docs: bytes
    """The docstrings, for a walk in which something reads docstrings."""
    annotations: bytes
    """The annotations of inner functions, for a walk in which something reads annotations."""
    annotation_uses: tuple[Use, ...]
    """The names in these."""
    annotation_texts: tuple[str, ...]
    """Those of them that are text."""
    texts: tuple[str, ...]
    """Annotations that are text and that whoever is handed the class or function may read."""
    uses: tuple[Use, ...]
    """What it refers to outside itself, in order of first use."""
    names: frozenset[str]
    """Every global and attribute name in it."""
    strings: tuple[str, ...]
    """Every string that it loads."""
    attributes: frozenset[str]
    """Every name that it loads as an attribute, and those in strings if it may ask for one by that."""
    unseeded_calls: frozenset[str]
    """Every name in it that is called without an argument, or with None."""


_CACHE: dict[int, tuple[weakref.ref[CodeType], CodeFacts]] = {}


def code_facts(code: CodeType) -> CodeFacts:
    """Return the canonical form of a code object, computed once per object.

    Parameters
    ----------
    code : code
        A function's, or one that `compile` made.

    Examples
    --------
    >>> def one(x):
    ...     '''A docstring.'''
    ...     total = x + 1
    ...     return total
    >>> def two(x):
    ...     result = x + 1  # another name
    ...
    ...     return result
    >>> code_facts(one.__code__).body == code_facts(two.__code__.replace(co_name="one")).body
    True
    """
    # Keyed by identity: comparing code objects compares line tables, and 3.11 hashes them slowly.
    cached = _CACHE.get(id(code))
    if cached is not None and cached[0]() is code:
        return cached[1]
    reader = _Reader()
    body = reader.read(code)
    facts = CodeFacts(
        body,
        b"".join(reader.docs),
        b"".join(reader.annotations),
        tuple(dict.fromkeys(reader.annotation_uses)),
        tuple(dict.fromkeys(reader.annotation_texts)),
        tuple(dict.fromkeys(reader.texts)),
        tuple(reader.uses),
        frozenset(reader.names),
        tuple(dict.fromkeys(reader.strings)),
        frozenset(reader.attributes) | (names_in_texts(reader.strings) if reader.names & ASKS_BY_TEXT else set()),
        frozenset(reader.unseeded_calls),
    )
    key = id(code)
    _CACHE[key] = (weakref.ref(code, lambda _: _CACHE.pop(key, None)), facts)
    return facts


class _Reader:
    """Reads a code object and, in the same numbering of globals, the ones nested in it."""

    def __init__(self) -> None:
        self.globals: dict[str, int] = {}
        self.uses: dict[Use, None] = {}
        self.names: set[str] = set()
        self.strings: list[str] = []
        self.attributes: set[str] = set()
        self.unseeded_calls: set[str] = set()
        self.docs: list[bytes] = []
        self.annotations: list[bytes] = []
        self.annotation_uses: list[Use] = []
        self.annotation_texts: list[str] = []
        self.texts: list[str] = []
        self._cells: dict[int, CellNumbers] = {}
        self._ops: dict[int, list[Op]] = {}

    def read(self, code: CodeType, *, outer_cells: frozenset[str] | None = None) -> bytes:
        """Encode a code object.

        `outer_cells` are the names of cells that belong to the outermost function's own closure; None for that function
        itself, whose free variables they are.
        """
        cells = frozenset(code.co_freevars) if outer_cells is None else outer_cells & frozenset(code.co_freevars)
        ops, numbers = self._prepared(code)
        if code.co_flags & _OPTIMIZED and code.co_consts and isinstance(code.co_consts[0], str):
            # If this constant is no docstring, it is loaded somewhere and counts anyway.
            self.docs.append(text(code.co_name) + encode(code.co_consts[0]))
        self.names.update(op.argval for op in ops if op.opcode in _HAS_NAME)
        self.attributes.update(op.argval for op in ops if op.opname in ATTRIBUTE)
        self.uses.update(dict.fromkeys(imported_uses(ops)))
        self.unseeded_calls.update(unseeded_calls(ops))
        offsets = [op.offset for op in ops]
        parts = [_signature(code)]
        stored: set[str] = set()
        for place, op in enumerate(ops):
            parts.append(op.opcode.to_bytes(2))
            if op.opcode in _HAS_NAME:
                parts.append(self._name(ops, place, stored))
            elif op.opcode in _HAS_CONST:
                parts.append(self._constant(op.argval, cells))
            elif op.opcode in JUMPS:
                parts.append(bisect_left(offsets, op.argval).to_bytes(4))
            elif place in numbers.closure_names:
                parts.append(b"c" + numbers.number(numbers.closure_names[place]).to_bytes(4))
            elif op.opcode in _HAS_FREE:
                parts.append(b"c" + numbers.number(op.argval).to_bytes(4))
                if op.argval in cells and op.opname not in _NO_USE_OF_CELL:
                    self._use(closure_or_global_use(ops, place, "cell"))
            else:
                parts.append((op.arg or 0).to_bytes(8))
        parts.append(_handlers(code, offsets))
        if self.names & READS_LOCAL_NAMES:
            parts.append(encode([*code.co_varnames, *code.co_cellvars, *code.co_freevars]))
        return blob(b"C", b"".join(parts))

    def _prepared(self, code: CodeType) -> tuple[list[Op], CellNumbers]:
        """Return the instructions of a code object and the numbers of its cells; made once per object."""
        if id(code) not in self._ops:
            ops = simplify(code)
            if not code.co_flags & _OPTIMIZED:
                ops = self._without_class_noise(ops)
            ops, taken = without_annotations(ops)
            self._note_annotations(ops, taken)
            self._ops[id(code)] = ops
            self._cells[id(code)] = CellNumbers(code, ops, lambda inner: self._prepared(inner)[1].free_order())
        return self._ops[id(code)], self._cells[id(code)]

    def _note_annotations(self, ops: list[Op], taken: list[Op]) -> None:
        """Take down what was taken out, and which of what was left is text."""
        for op in taken:
            facts = code_facts(op.argval) if hasattr(op.argval, "co_code") else None
            self.annotations.append(op.opcode.to_bytes(2) + (text(str(op.argval)) if facts is None else facts.body))
            if facts is not None:
                self.annotations.append(encode([(use.name, use.chain) for use in facts.uses]))
                self.annotation_uses += [use for use in facts.uses if use.kind == "global"]
                self.annotation_texts += facts.strings
        self.annotation_uses += annotation_uses(taken)
        self.annotation_texts += [op.argval for op in taken if op.opname == "LOAD_CONST" and isinstance(op.argval, str)]
        self.annotation_texts += annotation_texts(ops, is_decorated=False)
        self.texts += annotation_texts(ops, is_decorated=True)
        for op in ops:
            if is_computing(op.argval):
                self.texts += texts_computed(simplify(op.argval))

    def _name(self, ops: list[Op], place: int, stored: set[str]) -> bytes:
        """Encode an operand that is a name: of a global, an attribute, a module, or a variable of a class body."""
        op = ops[place]
        flags = bytes([_name_flags(op)])
        if op.opname in {"LOAD_GLOBAL", "STORE_GLOBAL", "DELETE_GLOBAL"}:
            self._use(closure_or_global_use(ops, place, "global"))
            return b"G" + flags + self.globals.setdefault(op.argval, len(self.globals)).to_bytes(4)
        if op.opname == "STORE_NAME":
            stored.add(op.argval)
        elif op.opname in {"LOAD_NAME", "LOAD_FROM_DICT_OR_GLOBALS"} and op.argval not in stored:
            self._use(Use("global", op.argval, chain_after(ops, place)))
        return b"N" + flags + text(op.argval)

    def _use(self, use: Use) -> None:
        self.uses[use] = None

    def _constant(self, value: Any, cells: frozenset[str]) -> bytes:
        if hasattr(value, "co_code"):
            return self.read(value, outer_cells=cells)
        self.strings.extend(texts_in(value))
        return encode(value)

    def _without_class_noise(self, ops: list[Op]) -> list[Op]:
        kept: list[Op] = []
        for op in ops:
            if op.opname == "STORE_NAME" and op.argval in CLASS_NOISE and kept and kept[-1].opname.startswith("LOAD_"):
                dropped = kept.pop()
                if op.argval == "__doc__":
                    self.docs.append(encode(dropped.argval))
            else:
                kept.append(op)
        return kept


_HAS_NAME = frozenset(dis.hasname)
_HAS_CONST = frozenset(dis.hasconst)
_HAS_FREE = frozenset(dis.hasfree) | frozenset(code for name, code in dis.opmap.items() if "DEREF" in name)
"""In 3.14 `dis.hasfree` leaves out LOAD_DEREF."""
_NO_USE_OF_CELL = frozenset({"LOAD_CLOSURE", "MAKE_CELL"})


def _signature(code: CodeType) -> bytes:
    """Encode name, kind and parameters; a parameter's name counts, because callers may use it."""
    count = code.co_argcount + code.co_kwonlyargcount
    return (
        text(code.co_name)
        + bytes([code.co_flags & _FLAGS & 0xFF, (code.co_flags & _FLAGS) >> 8])
        + encode((code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount, *code.co_varnames[:count]))
    )


def _handlers(code: CodeType, offsets: list[int]) -> bytes:
    """Encode which handler each instruction has; the table's own ranges depend on line breaks."""
    rows: list[tuple[int, ...]] = []
    for start, end, target, depth, pushes in handler_targets(code):
        handler = bisect_left(offsets, target)
        rows.extend(
            (place, handler, depth, pushes) for place in range(bisect_left(offsets, start), bisect_left(offsets, end))
        )
    return blob(b"X", b"".join(int(number).to_bytes(4) for row in rows for number in row))


def _name_flags(op: Op) -> int:
    """Return the bits that share an operand with a name: push a null, load a method, two-argument super."""
    if op.opname == "LOAD_GLOBAL":
        return (op.arg or 0) & 1
    if op.opname == "LOAD_ATTR" and not HAS_LOAD_METHOD:
        return (op.arg or 0) & 1
    if op.opname == "LOAD_SUPER_ATTR":
        return (op.arg or 0) & 3
    return 0
