"""One walk over live objects: a function, everything that it reaches, and what of that decides what it returns.

Functions, classes and modules are *nodes*: each is numbered when it is met and described once, in the order of the
numbers, so that cycles are exact and two runs of the same program agree. Their descriptions are cut into *pieces*, one
for the code of a function and one for each value that it uses; a piece is bytes, and the numbers of what it refers to.
The digest covers all pieces in order. A manifest digest covers one piece and the names of what it refers to, so that a
change shows where it is and not everywhere behind it.
"""

from __future__ import annotations

import sys
import types
from typing import TYPE_CHECKING, Any

from consist.hashing.canonical import blob, encode, text
from consist.hashing.hasher import domain_digest
from consist.identity.code import classes, functions
from consist.identity.code.distributions import distribution_digest, with_requirements
from consist.identity.code.owners import label_of, module_label
from consist.identity.code.state import WalkState
from consist.identity.code.values import order_atoms
from consist.identity.code.variables import Variable, variable_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from consist.hashing.digest import Digest

SCHEMA = 1
"""Changes only when a stale hit must be mended: every code identity changes with it."""
DOMAIN = "consist 2026 code identity"

_NOISE = frozenset(
    {"__name__", "__doc__", "__package__", "__loader__", "__spec__", "__file__", "__cached__", "__builtins__"}
    | {"__path__", "__annotations__", "__warningregistry__", "__annotate__", "__conditional_annotations__"}
    | {"In", "Out", "_ih", "_oh", "_dh", "_i", "_ii", "_iii", "get_ipython", "exit", "quit", "_", "__", "___"}
)
"""Names in a module that Python or IPython puts there."""


class Walk(WalkState):
    """A walk: describes what waits until nothing does."""

    def order(self, values: Iterable[Any]) -> list[Any]:
        """Sort a set's elements by what each of them is when it is walked alone."""
        return order_atoms(values) or sorted(values, key=self._standalone)

    def run(self, root: Any, label: str) -> None:
        """Describe `root` and everything that it reaches."""
        self.value(label, root)
        self.drain()

    def drain(self) -> None:
        """Describe the nodes that wait, then what only the whole walk can tell."""
        described: list[Any] = []
        while self._queue:
            node = self._queue.popleft()
            described.append(node)
            self._describe(node)
        self._describe_late(described)
        for label, container in self._written:
            number = self._numbers.get(id(container))
            piece = self.piece(f"{label} (written)")
            piece.data = b"w" + text(type(container).__name__) + (b"+" if number is not None else b"-")
            if number is not None:
                piece.edges.append(number)
        self._written.clear()

    def _describe_late(self, described: list[Any]) -> None:
        """Add docstrings and annotations of all nodes, if anything reads them."""
        done = 0
        while done < len(described):
            node = described[done]
            done += 1
            if self.reads_docs:
                functions.describe_docs(self, node)
            if self.reads_annotations or id(node) in self.annotated:
                functions.describe_annotations(self, node)
            if self.reads_subclasses and isinstance(node, type):
                self.watch.subclasses(node)
                self.value(f"{label_of(node)} (subclasses)", tuple(type.__subclasses__(node)))
            while self._queue:
                later = self._queue.popleft()
                described.append(later)
                self._describe(later)

    def finish(self) -> None:
        """Describe the nodes that wait, and how they share variables, when nothing will be added any more."""
        self.drain()
        self._describe_variables()

    def digest(self) -> Digest:
        """Digest of all pieces in order, the Python minor version, and what is installed."""
        parts = [encode((SCHEMA, *sys.version_info[:2]))]
        for piece in self.pieces:
            edges = b"".join(edge.to_bytes(4) for edge in piece.edges)
            parts.append(blob(b"p", piece.data) + blob(b"e", edges))
        parts.extend(digest.raw for _, digest in sorted(self._installed().items()))
        return domain_digest(DOMAIN, b"".join(parts))

    def manifest(self) -> dict[str, Digest]:
        """Map each part's label to its digest."""
        found = {f"python {sys.version_info[0]}.{sys.version_info[1]}": domain_digest(DOMAIN, b"python")}
        for piece in self.pieces:
            names = b"".join(text(self._labels[edge]) for edge in piece.edges)
            found[piece.label] = domain_digest(DOMAIN, blob(b"p", piece.data) + names)
        return found | self._installed()

    # --- inside

    def _installed(self) -> dict[str, Digest]:
        everything = {found for used in self._distributions for found in with_requirements(used)}
        return {found.label: distribution_digest(found) for found in sorted(everything)}

    def _describe(self, node: Any) -> None:
        if isinstance(node, types.FunctionType):
            functions.describe(self, node)
        elif isinstance(node, type):
            classes.describe(self, node)
        else:
            self._describe_module(node)

    def _describe_variables(self) -> None:
        """Give numbers to the variables that one function sets and another uses, in the order of their uses."""
        numbers: dict[Variable, int] = {}
        for label, uses in self.variables.shared():
            piece = self.piece(f"{label} (variables that are set)")
            piece.data = b"v" + encode([place for place, _ in uses])
            for _, variable in uses:
                if variable not in numbers:
                    numbers[variable] = self._number(variable, variable.name)
                piece.edges.append(numbers[variable])

    def _describe_module(self, module: types.ModuleType) -> None:
        """Describe a module that is used as a value: everything in it counts."""
        label = module_label(vars(module))
        piece = self.piece(f"{label} (all of it)")
        names = sorted(name for name in vars(module) if name not in _NOISE)
        piece.data = b"module" + encode(names)
        self.watch.namespace(vars(module))
        self.variables.used(module, label, [variable_of(vars(module), name) for name in names])
        for name in names:
            if not self.ignores(f"{label}.{name}"):
                self.value(f"{label}:{name}", vars(module)[name])

    def _standalone(self, value: Any) -> bytes:
        if self._depth > 3:  # noqa: PLR2004 - sets in sets in sets that refer to each other: any order will do
            return b""
        alone = Walk(ignored=self.ignored, ignored_ids=self.ignored_ids, depth=self._depth + 1)
        alone.run(value, "")
        alone.finish()
        return alone.digest().raw
