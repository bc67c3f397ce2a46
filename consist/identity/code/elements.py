"""In which order the elements of a set are described, when they are objects that refer to others, or to each other.

A set has no order that another process would find again: it goes by address, or by hash seed. Each element gets a
*colour*: a digest of what it is, then, round by round, of the colours of what it refers to, until no round tells more
objects apart. One survey colours everything that the elements reach, so that a set in one of them needs none of its
own: the work grows with the number of objects, and not with that of the paths between them.

Objects of one colour cannot be told apart by what they are, and come in any order. That shows only if something else
refers to one of them; `Alike` tells.
"""

from __future__ import annotations

import types
from typing import TYPE_CHECKING, Any, NamedTuple

from consist.hashing.canonical import encode, text
from consist.hashing.hasher import hash_raw
from consist.identity.code import nodes
from consist.identity.code.state import WalkState

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from consist.identity.code.state import Piece

_CODE = (types.FunctionType, types.ModuleType, type)
_LEAST_ROUNDS = 30
_MOST_WORK = 300_000
"""Colours worked out, at 1 us each, before it is left to a warning: only long chains of equal objects need as many."""
_UNNUMBERED = 1 << 62
_Row = tuple[bytes, list[int], list[list[int]]]


class Order:
    """Puts elements of sets in order, for one walk.

    Parameters
    ----------
    walk : WalkState
        The walk, whose numbers come first: what was met outside the set is known by that.
    """

    def __init__(self, walk: WalkState) -> None:
        self._walk = walk
        self._colours: dict[int, tuple[bytes, Any]] = {}
        """By identity, with the object, so that its identity is not given away."""
        self._alike: list[_Alike] = []
        self._is_settled = True

    def of(self, values: Iterable[Any]) -> Iterator[Any]:
        """Yield elements in an order that depends on their content only, as far as there is one."""
        found = list(values)
        if len(found) > 1 and not all(id(value) in self._colours for value in found):
            self._survey(found)
        keys = {id(value): self._key(value) for value in found} if len(found) > 1 else {}
        counts: dict[Any, int] = {}
        for key in keys.values():
            counts[key] = counts.get(key, 0) + 1
        for value in sorted(found, key=lambda value: keys[id(value)]) if keys else found:
            if counts.get(keys.get(id(value)), 0) < 2:  # noqa: PLR2004 - one alone
                yield value
                continue
            if not self._is_settled:
                self._walk.notice("holds a set of objects that differ, if at all, far from it: its identity may, too")
            before = self._walk.mark()
            yield value
            self._alike.append(_Alike(before, self._walk.mark()))

    def warnings(self) -> Iterator[str]:
        """Yield a warning for each piece that refers to one of several objects which nothing tells apart."""
        owners = {number: alike for alike in self._alike for number in alike.numbers(self._walk)}
        for piece in self._walk.pieces if owners else ():
            for place, number in enumerate(piece.edges):
                if number in owners and not owners[number].holds(piece, place):
                    yield (
                        f"{piece.label} refers to one of several objects in a set that nothing tells apart: "
                        "in another process it may be another one, and the identity differ"
                    )
                    break

    def _survey(self, elements: list[Any]) -> None:
        survey = _Survey(self._walk, self._colours)
        for value in elements:
            survey.enter(value)
        survey.run()
        colours, is_settled = _refined(survey.rows)
        self._colours.update(survey.coloured(colours))
        self._is_settled = self._is_settled and is_settled

    def _key(self, value: Any) -> tuple[int, bytes]:
        number = self._walk.number_of(value)
        return (_UNNUMBERED if number is None else number, self._colours[id(value)][0])


class _Alike(NamedTuple):
    """What a walk described while it was at one element that looks like others: between two marks."""

    before: tuple[Piece, int, int]
    after: tuple[Piece, int, int]

    def numbers(self, walk: WalkState) -> Iterator[int]:
        """Yield the numbers of the objects that were met there first; code is shared, and the same for all."""
        return (number for number in range(self.before[2], self.after[2]) if not walk.is_code(number))

    def holds(self, piece: Piece, place: int) -> bool:
        """Tell whether an edge belongs to the element itself."""
        return piece is self.before[0] and self.before[1] <= place < self.after[1]


class _Survey(WalkState):
    """A walk in which every object is a node and the elements of a set are a bag: to be coloured, not digested."""

    def __init__(self, walk: WalkState, known: dict[int, tuple[bytes, Any]]) -> None:
        super().__init__(ignored=walk.ignored, ignored_ids=walk.ignored_ids)
        self._known = known
        self._root: Any = None
        self._bags: list[list[int]] = []
        self.rows: list[_Row] = []
        """By number: what an object is, what it refers to in order, and in no order."""

    def node(self, value: Any) -> None:
        """Refer to a function, class or module."""
        self._current.edges.append(self.enter(value))

    def seen(self, value: Any) -> bool:
        """Refer to an object, unless it is the one that is being described."""
        if value is self._root:
            self._root = None
            return False
        self._current.edges.append(self.enter(value))
        return True

    def order(self, values: Iterable[Any]) -> list[Any]:
        """Take the elements down as a bag."""
        self._bags.append([self.enter(value) for value in values])
        return []

    def intruders(self, value: Any) -> list[tuple[str, Any]]:
        """List nothing: which of several objects is asked first is chance here."""
        del value
        return []

    def enter(self, value: Any) -> int:
        """Give an object a number, and describe it later."""
        number = self._numbers.get(id(value))
        if number is None:
            number = self._number(value, "")
            self._queue.append(value)
        return number

    def run(self) -> None:
        """Describe everything that was entered, and what that reaches."""
        while self._queue:
            value = self._queue.popleft()
            start = len(self.pieces)
            self._bags = []
            if id(value) in self._known:
                self.rows.append((self._known[id(value)][0], [], []))
                continue
            self._describe(value)
            pieces = self.pieces[start:]
            written = b"".join(text(type(container).__name__) for _, container in self._written)
            self._written.clear()
            data = hash_raw(encode([piece.data for piece in pieces]) + written)
            self.rows.append((data, [edge for piece in pieces for edge in piece.edges], self._bags))

    def _describe(self, value: Any) -> None:
        if isinstance(value, _CODE):
            nodes.describe(self, value)
        else:
            self._root = value
            self.value("", value)
            self._root = None

    def coloured(self, colours: list[bytes]) -> dict[int, tuple[bytes, Any]]:
        """Return the colour of every object, by identity."""
        return {id(value): (colour, value) for value, colour in zip(self._kept, colours, strict=True)}


def _refined(rows: list[_Row]) -> tuple[list[bytes], bool]:
    """Colour objects by what they reach; tell whether more rounds would tell no more of them apart."""
    colours = [data for data, _, _ in rows]
    count = len(set(colours))
    for _ in range(max(_LEAST_ROUNDS, _MOST_WORK // len(rows))):
        colours = [_next_colour(row, colours[place], colours) for place, row in enumerate(rows)]
        before, count = count, len(set(colours))
        if count in (before, len(rows)):
            return colours, True
    return colours, False


def _next_colour(row: _Row, own: bytes, colours: list[bytes]) -> bytes:
    _, edges, bags = row
    parts = [own, *(colours[edge] for edge in edges)]
    for bag in bags:
        parts += [b"bag", *sorted(colours[item] for item in bag)]
    return hash_raw(b"".join(parts))
