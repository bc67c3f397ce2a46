"""The state of a walk: numbers of what was met, pieces that describe it, and what was noticed on the way."""

from __future__ import annotations

import collections
import types
from typing import TYPE_CHECKING, Any

from consist.errors import UnencodableError
from consist.identity.code.encoder import HINT
from consist.identity.code.intruders import intruders_in
from consist.identity.code.owners import is_a, label_of
from consist.identity.code.uses import names_in_texts
from consist.identity.code.values import ValueEncoder
from consist.identity.code.variables import Variables
from consist.identity.code.watch import Watch

if TYPE_CHECKING:
    from collections.abc import Iterable

    from consist.identity.annotations import Annotations
    from consist.identity.code.distributions import Distribution

WRITE_ONLY = (list, dict, set, collections.deque, collections.defaultdict, collections.OrderedDict, collections.Counter)


def _words_of(error: Exception) -> str:
    """Return the text of an exception, which a user's class may fail to give."""
    try:
        return str(error)
    except Exception:  # noqa: BLE001 - see above
        return "(without a text)"


class Piece:
    """A part of a node's description."""

    __slots__ = ("data", "edges", "label")

    def __init__(self, label: str) -> None:
        self.label = label
        self.data = b""
        self.edges: list[int] = []


class WalkState:
    """The state of a walk.

    Parameters
    ----------
    ignored : frozenset of str
        Names (``module.name``) whose value is left out.
    ignored_ids : frozenset of int
        Identities of objects that are left out.
    remember : bool
        Take down guards for the memo.
    """

    def __init__(
        self,
        *,
        ignored: frozenset[str] = frozenset(),
        ignored_ids: frozenset[int] = frozenset(),
        remember: bool = False,
    ) -> None:
        self.ignored = ignored
        self.ignored_ids = ignored_ids
        self.pieces: list[Piece] = []
        self.watch = Watch(active=remember)
        self.warnings: dict[str, None] = {}
        self.uncacheable: dict[str, None] = {}
        self.reads_docs = False
        self.reads_annotations = False
        self.reads_subclasses = False
        self.annotated: set[int] = set()
        self.annotations: dict[int, tuple[Any, Annotations | None]] = {}
        """By identity, the holders of annotations that were looked at, and what these are."""
        self.followed: set[int] = set()
        """Functions and classes whose annotations are described, if they are text by what it names."""
        self.scopes: dict[tuple[int, str], types.FunctionType | None] = {}
        """Where names in the annotations of a function or class are looked up; kept, as its identity stands for it."""
        self.attributes: set[str] = set()
        """The names that code loads as attributes, or may ask for by text."""
        self.variables = Variables()
        self.ignored_used: set[str] = set()
        self._numbers: dict[int, int] = {}
        self._labels: list[str] = []
        self._kept: list[Any] = []
        """By number, alive, so that no identity is given away."""
        self._queue: collections.deque[Any] = collections.deque()
        self._distributions: dict[Distribution, None] = {}
        self._written: list[tuple[str, Any]] = []
        self._labels_used: collections.Counter[str] = collections.Counter()
        self._searched: set[int] = set()
        self._current = Piece("")

    # --- Sink: what values refer to

    def node(self, value: Any) -> None:
        """Refer to a function, class or module, which is described later."""
        number = self._numbers.get(id(value))
        if number is None:
            number = self._number(value, label_of(value))
            self._queue.append(value)
        self._current.edges.append(number)

    def seen(self, value: Any) -> bool:
        """Give a mutable object a number, or refer to it if it has a number."""
        number = self._numbers.get(id(value))
        if number is None:
            self._number(value, self._current.label)
            return False
        self._current.edges.append(number)
        return True

    def distribution(self, distribution: Distribution) -> None:
        """Let a distribution and what it requires count."""
        self._distributions[distribution] = None

    def notice(self, message: str) -> None:
        """Warn about the piece that is being described."""
        self.warnings[f"{self._current.label} {message}"] = None

    def read_by_library(self, value: Any) -> None:
        """Let the annotations of a function count that a library holds: many read them."""
        if is_a(value, types.FunctionType):
            self.annotated.add(id(value))

    def asks_for(self, texts: Iterable[str]) -> None:
        """Let names count that code may ask for as attributes."""
        self.attributes.update(names_in_texts(texts))

    def also(self, value: Any) -> None:
        """Watch what can change in place behind an object that cannot."""
        self.watch.value(value)

    def intruders(self, value: Any) -> list[tuple[str, Any]]:
        """List what the project put into a library's function or class, the first time that is asked."""
        if id(value) in self._searched:
            return []
        self._searched.add(id(value))
        self.watch.intruders(value)
        found = intruders_in(value)
        for _, item in found:
            self.watch.value(item)
        return found

    # --- pieces

    def piece(self, label: str) -> Piece:
        """Begin a piece; labels are told apart by a number where they are equal."""
        self._labels_used[label] += 1
        count = self._labels_used[label]
        self._current = Piece(label if count == 1 else f"{label} #{count}")
        self.pieces.append(self._current)
        return self._current

    def value(self, label: str, value: Any, *, lenient: bool = False) -> None:
        """Describe a value in a piece of its own."""
        piece = self.piece(label)
        encoder = ValueEncoder(self, lenient=lenient, ignored=self.ignored_ids)
        try:
            self.watch.value(value)
            piece.data = encoder.encode(value)
        except UnencodableError as error:
            self._refuse(f"{label}{error.path}: {error.message}; {error.hint or HINT}")
        except Exception as error:  # noqa: BLE001 - an object may raise anything when it is looked at
            self.unforeseen(label, error)

    def unforeseen(self, label: str, error: Exception) -> None:
        """Refuse what could not be looked at, such as a dict that another thread changes meanwhile.

        Without an identity there is no wrong hit.
        """
        if isinstance(error, RecursionError):
            self._refuse(f"{label}: it nests too deeply to be hashed; {HINT}")
        else:
            self._refuse(f"{label}: looking at it raised {type(error).__name__}: {_words_of(error):.200}; {HINT}")

    def written(self, label: str, value: Any) -> None:
        """Note a container that is only written to here; its value counts if something else reads it."""
        self._written.append((label, value))

    def ignores(self, name: str) -> bool:
        """Tell whether a name is left out."""
        if name in self.ignored:
            self.ignored_used.add(name)
        return name in self.ignored

    def order(self, values: Iterable[Any]) -> Iterable[Any]:
        """Put the elements of a set in an order that depends on their content only."""
        raise NotImplementedError

    # --- numbers

    def number_of(self, value: Any) -> int | None:
        """Return the number of what was met before."""
        return self._numbers.get(id(value))

    def is_code(self, number: int) -> bool:
        """Tell whether a number is that of a function, class or module."""
        return is_a(self._kept[number], type, types.FunctionType, types.ModuleType)

    def mark(self) -> tuple[Piece, int, int]:
        """Tell where the walk is: in which piece, at which of its edges, and at which number."""
        return self._current, len(self._current.edges), len(self._labels)

    def _number(self, value: Any, label: str) -> int:
        number = len(self._labels)
        self._numbers[id(value)] = number
        self._labels.append(label)
        self._kept.append(value)
        return number

    def _refuse(self, message: str) -> None:
        self.uncacheable[message] = None
