"""`Lineage`: what something was made from and what was made from it, as a value. Walking there is ``lineage_walk.py``.

A graph of three kinds of nodes: runs, outputs of runs, and files that no run made as far as is known. Edges go the way
that the data went. Printed, it is a tree; what is reached twice is written out once.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from consist.identity.names import escape
from consist.index.records import COMPLETED
from consist.runs.formats.registry import described
from consist.runs.sizes import human_size

if TYPE_CHECKING:
    from collections.abc import Iterator

    from consist.hashing.digest import Digest
    from consist.index.records import ArtifactRecord, RunRecord

RUN, OUTPUT, FILE = "run", "output", "file"
ASKED = "asked for"

_DIGITS = 12
"""Of a run id that are shown."""

_MERMAID_PLAIN = frozenset(" ,.:/_-+=~*")
"""Beside letters and digits, what a label of Mermaid may hold as it is."""


@dataclass(frozen=True, slots=True)
class Node:
    """A run, an output of a run, or a file.

    Attributes
    ----------
    id : str
        ``runs/<run id>``, ``runs/<run id>/<key>``, or ``blobs/<digest> <where it lay>``; unique in a lineage.
    kind : str
        ``run``, ``output`` or ``file``.
    name : str
        The step, the output's key, or where the file lay.
    digest : Digest or None
        Of the content; None of a run.
    size : int or None
        Bytes of content.
    format : str
        What it is, in words: ``pandas table, 3 x 2``.
    run_id : str
        Of a run, or of the run that made it; ``""`` of a file.
    status : str
        Of a run.
    record : RunRecord or None
        The run itself, or the run that made it, if this machine's index knows it.
    """

    id: str
    kind: str
    name: str
    digest: Digest | None = None
    size: int | None = None
    format: str = ""
    run_id: str = ""
    status: str = ""
    record: RunRecord | None = field(default=None, repr=False, compare=False)

    def __str__(self) -> str:
        if self.kind == RUN:
            status = "" if self.status == COMPLETED else f" ({self.status or 'not known to this index'})"
            return escape(f"run {self.run_id[:_DIGITS]}{self.name and ' '}{self.name}{status}")
        size = "" if self.size is None else f", {human_size(self.size)}"
        digest = "" if self.digest is None else f", {self.digest.short}"
        return escape(f"{self.name} ({self.format}{size}{digest})")

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain data."""
        content = {} if self.digest is None else {"digest": self.digest.hex, "size": self.size, "format": self.format}
        run = {"run_id": self.run_id} if self.run_id else {}
        status = {"status": self.status} if self.kind == RUN else {}
        return {"id": self.id, "kind": self.kind, "name": self.name, **run, **status, **content}


class Edge(NamedTuple):
    """A way that data went.

    Attributes
    ----------
    source, target : str
        Ids of nodes: from a run to its output, from an output or file to a run, from an output to a file that has
        the same content, or from a run to the run that asked for it.
    name : str
        The key of the output, or the name of the input; of a run that was asked for `ASKED`.
    same_content : bool
        Nobody recorded that it went this way, but what was read has the content of what was made.
    asked : bool
        The run `target` asked for the run `source` while it was called (or for the run of the output `source`), so
        what it made was made from that too.
    """

    source: str
    target: str
    name: str
    same_content: bool = False
    asked: bool = False


@dataclass(frozen=True, slots=True)
class Lineage:
    """What something was made from, or what was made from it.

    Attributes
    ----------
    root : Node
        What was asked about.
    direction : str
        ``up``: what it was made from; ``down``: what was made from it; ``both``.
    nodes : tuple of Node
        The root first, then the nearest.
    edges : tuple of Edge
        Between them.
    cut : bool
        Whether there is more: more than was asked for, or further away.
    """

    root: Node
    direction: str
    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]
    cut: bool = False

    def __str__(self) -> str:
        lines = [f"{self.root}"]
        if self.direction != "down":
            lines += self._tree(upwards=True)
        if self.direction == "both":
            lines.append("used by")
        if self.direction != "up":
            lines += self._tree(upwards=False)
        return "\n".join([*lines, *(["… and more"] if self.cut else [])])

    def _repr_html_(self) -> str:
        from consist.runs.html import text_html

        return text_html(str(self))

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain data: ``root``, ``direction``, ``nodes``, ``edges``, ``cut``."""
        return {
            "root": self.root.id,
            "direction": self.direction,
            "nodes": [node.as_dict() for node in self.nodes],
            "edges": [edge._asdict() for edge in self.edges],
            "cut": self.cut,
        }

    def to_mermaid(self) -> str:
        """Return it as a flowchart of Mermaid, which notebooks, GitHub and many a wiki draw."""
        numbers = {node.id: f"n{number}" for number, node in enumerate(self.nodes)}
        lines = ["flowchart LR"]
        for node in self.nodes:
            before, after = ('(["', '"])') if node.kind == RUN else ('["', '"]')
            lines.append(f"    {numbers[node.id]}{before}{_mermaid(str(node))}{after}")
        for edge in self.edges:
            arrow = "-.->" if edge.same_content else "-->"
            lines.append(f'    {numbers[edge.source]} {arrow}|"{_mermaid(edge.name)}"| {numbers[edge.target]}')
        return "\n".join(lines)

    def to_dot(self) -> str:
        """Return it as a graph of Graphviz."""
        numbers = {node.id: f"n{number}" for number, node in enumerate(self.nodes)}
        lines = ["digraph lineage {", "    rankdir=LR;"]
        for node in self.nodes:
            shape = "ellipse" if node.kind == RUN else "box"
            lines.append(f"    {numbers[node.id]} [shape={shape}, label={_dot(str(node))}];")
        for edge in self.edges:
            style = ", style=dashed" if edge.same_content else ""
            lines.append(f"    {numbers[edge.source]} -> {numbers[edge.target]} [label={_dot(edge.name)}{style}];")
        return "\n".join([*lines, "}"])

    def _tree(self, *, upwards: bool) -> list[str]:
        """Write one direction as a tree, without its root; deep lineages do not fit Python's stack, so by a list."""
        nodes = {node.id: node for node in self.nodes}
        branches: dict[str, list[Edge]] = {}
        for edge in self.edges:
            branches.setdefault(edge.target if upwards else edge.source, []).append(edge)
        lines: list[str] = []
        shown = {self.root.id}
        stack = [("", _last_marked(branches.get(self.root.id, [])))]
        while stack:
            indent, edges = stack[-1]
            following = next(edges, None)
            if following is None:
                stack.pop()
                continue
            edge, is_last = following
            node = nodes[edge.source if upwards else edge.target]
            below = branches.get(node.id, [])
            again = " (written out above)" if below and node.id in shown else ""
            lines.append(f"{indent}{'└─ ' if is_last else '├─ '}{_prefix(edge, node)}{node}{again}")
            if node.id not in shown:
                shown.add(node.id)
                stack.append((indent + ("   " if is_last else "│  "), _last_marked(below)))
        return lines


def run_node(record: RunRecord) -> Node:
    """Make the node of a run."""
    return Node(f"runs/{record.id}", RUN, record.step, run_id=record.id, status=record.status, record=record)


def output_node(output: ArtifactRecord, run_id: str, run: RunRecord | None) -> Node:
    """Make the node of an output."""
    what = described(output.format, output.media)
    where = f"runs/{run_id}/{output.key}"
    return Node(where, OUTPUT, output.key, output.digest, output.content_size, what, run_id, record=run)


def file_node(where: str, digest: Digest, size: int, kind: str = FILE) -> Node:
    """Make the node of a file or folder."""
    return Node(f"blobs/{digest.hex} {where}", FILE, where, digest, size, kind)


def _last_marked(edges: list[Edge]) -> Iterator[tuple[Edge, bool]]:
    return ((edge, place == len(edges)) for place, edge in enumerate(edges, 1))


def _prefix(edge: Edge, node: Node) -> str:
    """Say how a node is reached, where it does not say so itself."""
    if edge.asked:
        return f"{ASKED}: " if node.id == edge.source else f"{ASKED} in: "
    if edge.same_content:
        return "the same content: " if node.kind != RUN else f"as {escape(edge.name)}, the same content: "
    return f"{escape(edge.name)}: " if node.kind != RUN and edge.name != node.name else ""


def _mermaid(text: str) -> str:
    """Write a label for Mermaid: what could be syntax, or HTML where it is drawn, by its number."""
    return "".join(c if c.isalnum() or c in _MERMAID_PLAIN else f"#{ord(c)};" for c in escape(text))


def _dot(text: str) -> str:
    r"""Write a label for Graphviz.

    Examples
    --------
    >>> print(_dot('a "b" \\n'))
    "a \"b\" \\n"
    """
    return '"' + escape(text).replace("\\", "\\\\").replace('"', '\\"') + '"'
