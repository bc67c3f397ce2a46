"""One walk over live objects: a function, everything that it reaches, and what of that decides what it returns.

Functions, classes and modules are *nodes*: each is numbered when it is met and described once, in the order of the
numbers, so that cycles are exact and two runs of the same program agree. Their descriptions are cut into *pieces*, one
for the code of a function and one for each value that it uses; a piece is bytes, and the numbers of what it refers to.
The digest covers all pieces in order. A manifest digest covers one piece and the names of what it refers to, so that a
change shows where it is and not everywhere behind it.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from consist.hashing.canonical import blob, encode, text
from consist.hashing.hasher import domain_digest
from consist.identity.code import annotated, extended, functions, nodes
from consist.identity.code.distributions import distribution_digest, with_requirements
from consist.identity.code.elements import Order
from consist.identity.code.owners import label_of
from consist.identity.code.state import WalkState
from consist.identity.code.values import order_plain

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from consist.hashing.digest import Digest
    from consist.identity.code.variables import Variable

SCHEMA = 1
"""Changes only when a stale hit must be mended: every code identity changes with it."""
DOMAIN = "consist 2026 code identity"


class Walk(WalkState):
    """A walk: describes what waits until nothing does."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._order = Order(self)
        self._described: list[Any] = []
        self._read: set[tuple[str, int]] = set()
        """Of which nodes docstrings, annotations or subclasses are described."""
        self._looked_for: set[str] = set()

    def order(self, values: Iterable[Any]) -> Iterable[Any]:
        """Put a set's elements in an order that depends on their content only."""
        return order_plain(values) or self._order.of(values)

    def run(self, root: Any, label: str) -> None:
        """Describe `root` and everything that it reaches."""
        self.value(label, root)
        self.drain()

    def drain(self) -> None:
        """Describe the nodes that wait, then what only the whole walk can tell."""
        self._describe_waiting()
        self._describe_late()
        for label, container in self._written:
            number = self._numbers.get(id(container))
            piece = self.piece(f"{label} (written)")
            piece.data = b"w" + text(type(container).__name__) + (b"+" if number is not None else b"-")
            if number is not None:
                piece.edges.append(number)
        self._written.clear()
        self.warnings.update(dict.fromkeys(self._order.warnings()))

    def _describe_waiting(self) -> None:
        while self._queue or self._describe_additions():
            node = self._queue.popleft()
            self._described.append(node)
            self._describe(node, nodes.describe)

    def _describe_late(self) -> None:
        """Add docstrings, annotations and subclasses of all nodes, if anything reads them.

        What they lead to may be the first that reads others: then it is asked of all nodes anew.
        """
        before: Any = None
        while before != self._reading():
            before = self._reading()
            for node in self._described:  # which grows meanwhile
                self._describe(node, Walk._describe_read)
                self._describe_waiting()

    def _reading(self) -> tuple[Any, ...]:
        return self.reads_docs, self.reads_annotations, self.reads_subclasses, len(self.annotated)

    def _describe_read(self, node: Any) -> None:
        if self.reads_docs and self._is_first("docs", node):
            functions.describe_docs(self, node)
        if (self.reads_annotations or id(node) in self.annotated) and self._is_first("annotations", node):
            annotated.describe(self, node)
        if self.reads_subclasses and isinstance(node, type) and self._is_first("subclasses", node):
            self.watch.subclasses(node)
            self.value(f"{label_of(node)} (subclasses)", tuple(type.__subclasses__(node)))

    def _is_first(self, what: str, node: Any) -> bool:
        is_first = (what, id(node)) not in self._read
        self._read.add((what, id(node)))
        return is_first

    def _describe_additions(self) -> bool:
        """Describe what the project added to classes of tables, under the names that were met since the last time.

        Tells whether nodes wait now.
        """
        names = sorted(self.attributes - self._looked_for)
        if names:
            self._looked_for.update(names)
            extended.watch(self.watch, names)
            for label, part in extended.additions(names):
                self.value(f"{label} (an attribute that is used)", part)
        return bool(self._queue)

    def _describe(self, node: Any, how: Callable[[Walk, Any], None]) -> None:
        """Describe a node; what cannot be looked at makes the run uncached, and is no reason not to run it.

        Much of what a walk asks of objects is code of a user, or rests on what no user breaks, such as that the names
        in a module are text. The message has the type and text of what was raised, so that no mistake of ours hides.
        """
        try:
            how(self, node)
        except Exception as error:  # noqa: BLE001 - see above
            self.unforeseen(self._labels[self._numbers[id(node)]], error)

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
