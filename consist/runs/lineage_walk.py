"""Walking along the edges of the index, from an output, a run or a file: up to what it was made from, or down.

An input that was an artifact names the run that made it. A file that was read has no such name, but its digest may be
that of an output: then it is linked to the newest run that had begun before and made this content, and the edge says
that nobody recorded it. Downwards whatever read the content counts, since it would have been found again for this one.
A run that was asked for in the body of another (``store/asked.py``) is what that one was made from, too.
What is met again is not walked again, so it ends whatever a store holds.
"""

from __future__ import annotations

import contextlib
from collections import deque
from typing import TYPE_CHECKING

from consist.errors import ConsistError, DamagedError
from consist.index.records import ARTIFACT
from consist.runs.lineage import ASKED, OUTPUT, RUN, Edge, Lineage, Node, file_node, output_node, run_node
from consist.store.asked import asked_for, askers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from consist.index.records import InputRecord, RunRecord
    from consist.store.store import Store

    Step = tuple[Node, Edge]


def walk(store: Store, root: Node, direction: str = "up", *, depth: int | None = None, most: int = 1000) -> Lineage:
    """Follow the data from a node.

    Parameters
    ----------
    store : Store
        Whose index is asked; nothing else is read.
    root : Node
        Where to begin.
    direction : {"up", "down", "both"}
        To what it was made from, to what was made from it, or both.
    depth : int, optional
        So many runs away at most.
    most : int
        So many nodes at most.
    """
    with contextlib.suppress(ConsistError):  # what a trace found again a moment ago may still be in memory
        store.events.flush()
    walker = _Walker(store, root, most)
    if direction != "down":
        walker.go(walker.above, depth)
    if direction != "up":
        walker.go(walker.below, depth)
    return Lineage(root, direction, tuple(walker.nodes.values()), tuple(dict.fromkeys(walker.edges)), walker.cut)


class _Walker:
    """Gathers nodes and edges, the nearest first."""

    def __init__(self, store: Store, root: Node, most: int) -> None:
        self._store = store
        self._root = root
        self._most = most
        self.nodes = {root.id: root}
        self.edges: list[Edge] = []
        self.cut = False
        self._readers: dict[str, RunRecord] = {}

    def go(self, neighbours: Callable[[Node], Iterator[Step]], depth: int | None) -> None:
        """Walk in one direction."""
        queue = deque([(self._root, 0)])
        walked = {self._root.id}
        while queue:
            node, runs = queue.popleft()
            for found, edge in neighbours(node):
                passed = runs + (found.kind == RUN)
                if (depth is not None and passed > depth) or not self._take(found):
                    self.cut = True
                    continue
                self.edges.append(edge)
                if found.id not in walked:
                    walked.add(found.id)
                    queue.append((found, passed))

    def above(self, node: Node) -> Iterator[Step]:
        """Yield what a node was made from."""
        if node.kind == RUN and node.record is not None:
            for given in node.record.inputs:
                found = self._given(given, node.record)
                yield found, Edge(found.id, node.id, given.key)
            for run_id in asked_for(self._store, node.record):
                asked = self._run(run_id)
                found = run_node(asked) if asked is not None else Node(f"runs/{run_id}", RUN, "", run_id=run_id)
                yield found, Edge(found.id, node.id, ASKED, asked=True)
        elif node.kind == OUTPUT and node.record is not None:
            yield run_node(node.record), Edge(f"runs/{node.run_id}", node.id, node.name)
        elif node.digest is not None:
            yield from self._made(node)

    def below(self, node: Node) -> Iterator[Step]:
        """Yield what was made from a node: of content, from the same content too, whoever made or wrote it."""
        if node.kind == RUN and node.record is not None:
            for output in node.record.outputs:
                found = output_node(output, node.run_id, node.record)
                yield found, Edge(node.id, found.id, output.key)
            yield from self._askers(node, node.record)
        elif node.digest is not None:
            for run_id, key in self._store.index.consumers(node.digest):
                reader = self._run(run_id)
                given = next((item for item in reader.inputs if item.key == key), None) if reader is not None else None
                if reader is not None and given is not None:
                    other = node.kind == OUTPUT and given.location != node.id
                    yield run_node(reader), Edge(node.id, f"runs/{run_id}", key, same_content=other)
            if node.id == self._root.id and node.record is not None:  # of any other, its run has said so
                yield from self._askers(node, node.record)

    def _askers(self, node: Node, asked: RunRecord) -> Iterator[Step]:
        for asker in askers(self._store, asked):
            yield run_node(asker), Edge(node.id, f"runs/{asker.id}", ASKED, asked=True)

    def _given(self, given: InputRecord, reader: RunRecord) -> Node:
        """Return the node of an input."""
        if given.kind != ARTIFACT:
            found = file_node(given.location, given.digest, given.size, given.kind)
            self._readers.setdefault(found.id, reader)
            return found
        _, _, place = given.location.partition("/")
        run_id, _, key = place.partition("/")
        maker = self._run(run_id)
        for output in maker.outputs if maker is not None else ():
            if output.key == key and output.digest == given.digest:
                return output_node(output, run_id, maker)
        return Node(given.location, OUTPUT, key, given.digest, given.size, "of a run that is not here", run_id)

    def _made(self, node: Node) -> Iterator[Step]:
        """Yield the output that has the content of a file: of the newest run that began before it was read."""
        reader = self._readers.get(node.id)
        for run_id, key in self._store.index.producers(node.digest) if node.digest is not None else ():
            maker = self._run(run_id)
            output = next((item for item in maker.outputs if item.key == key), None) if maker is not None else None
            if maker is None or output is None or (reader is not None and maker.started >= reader.started):
                continue
            found = output_node(output, run_id, maker)
            yield found, Edge(found.id, node.id, key, same_content=True)
            return

    def _take(self, node: Node) -> bool:
        """Take a node in, if there is room."""
        if node.id not in self.nodes:
            if len(self.nodes) >= self._most:
                return False
            self.nodes[node.id] = node
        return True

    def _run(self, run_id: str) -> RunRecord | None:
        try:
            return self._store.index.get_run(run_id)
        except DamagedError:
            return None
