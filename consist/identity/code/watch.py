"""What a walk looked at, taken down before it looks: the guards by which the memo tells whether anything changed since.

Before, and not after: if another thread changes something while the walk looks at it, the guard is of the older state
and fails at the next check, instead of vouching for a digest that it does not belong to.
"""

from __future__ import annotations

import abc
import operator
import types
from pathlib import Path
from typing import TYPE_CHECKING, Any

from consist.identity.code.contents import Contents
from consist.identity.code.owners import is_a
from consist.identity.code.references import MISSING, contents
from consist.identity.code.snapshots import is_frozen, snapshot

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from consist.identity.code.distributions import Distribution
    from consist.identity.code.references import Binding

_HEAP_TYPE = 1 << 9


class Watch:
    """Takes down what a walk looks at; `memo.hold` checks it.

    Parameters
    ----------
    active : bool
        Take anything down at all; a walk that nobody remembers need not.
    """

    def __init__(self, *, active: bool = True) -> None:
        self._active = active
        self._known: dict[Any, Any] = {}
        self.bindings: list[tuple[dict[str, Any], str, Any]] = []
        self.functions: list[tuple[types.FunctionType, types.CodeType, Any, Any, str]] = []
        self.bare: list[types.FunctionType] = []
        """Functions without attributes."""
        self.cells: list[tuple[types.CellType, Any]] = []
        self.spaces: list[tuple[Any, tuple[Any, ...], tuple[Any, ...]]] = []
        """Namespaces of which everything counts: each with its keys and values."""
        self.bases: list[tuple[type, tuple[type, ...], str]] = []
        self.attributes: list[tuple[Callable[[Any], tuple[Any, ...]], Any, tuple[Any, ...]]] = []
        """Objects of which some attributes count: how to get them, of what, and what they were."""
        self.libraries: list[tuple[Any, list[Any]]] = []
        self.contents = Contents()
        """What may change in place."""
        self.others: list[tuple[Callable[[], Any], Any]] = []
        self.has_values = False

    def names(self, found: Iterable[Binding]) -> None:
        """Watch names in namespaces."""
        for binding in found:
            if self._is_new((id(binding.namespace), binding.name), binding.namespace):
                self.bindings.append((binding.namespace, binding.name, binding.value))

    def function(self, function: types.FunctionType) -> None:
        """Watch a function's code, defaults, attributes and cells."""
        if not self._is_new(id(function), function):
            return
        keyword = function.__kwdefaults__
        self.functions.append((function, function.__code__, function.__defaults__, keyword, function.__name__))
        if keyword:
            self.namespace(keyword)
        if function.__dict__:
            self.namespace(function.__dict__)
        else:
            self.bare.append(function)
        self.cells += [(cell, contents(cell)) for cell in function.__closure__ or ()]

    def a_class(self, cls: type) -> None:
        """Watch what a class holds, and its bases."""
        if self._is_new(id(cls), cls):
            self._space(vars(cls))
            self.bases.append((cls, cls.__bases__, cls.__name__))
            if "_abc_impl" in vars(cls):
                self._other(abc.get_cache_token)

    def namespace(self, namespace: dict[Any, Any]) -> None:
        """Watch a whole namespace."""
        if self._is_new(("space", id(namespace)), namespace):
            self._space(namespace)

    def some_of(self, holder: Any, *names: str) -> None:
        """Watch which objects some attributes are; those that there are not, not."""
        there = [name for name in names if hasattr(holder, name)]
        if self._is_new(("some", id(holder)), holder) and there:
            # With one name it would not give a tuple.
            get = operator.attrgetter(*there, there[0])
            self.attributes.append((get, holder, get(holder)))

    def asked(self, ask: Callable[[], Any], answer: Any) -> None:
        """Watch what a module's own ``__getattr__`` answers: by content, as it may make it anew each time."""
        if self._active:
            self.has_values = True
            self.others.append((lambda: snapshot(ask()), snapshot(answer)))

    def value(self, value: Any) -> None:
        """Watch a value for changes in place."""
        if self._active and not is_frozen(value):
            self.has_values = True
            self.contents.take(value)

    def intruders(self, value: Any) -> None:
        """Watch a library's class, or the registries that a library's function uses."""
        if not self._active:
            return
        if is_a(value, type):
            self.has_values = True
            heap = [base for base in value.__mro__ if base.__flags__ & _HEAP_TYPE]
            self.libraries += [(vars(base), list(vars(base).values())) for base in heap]
            return
        if is_a(value, types.FunctionType) and (value.__closure__ or value.__dict__):
            self.function(value)
        code = getattr(value, "__code__", None)
        for name in code.co_names if code is not None else ():
            container = value.__globals__.get(name, MISSING)
            if type(container) is dict:
                self.namespace(container)
            elif type(container) is list:
                self.value(container)

    def subclasses(self, cls: type) -> None:
        """Watch which classes derive from a class."""
        self._other(cls.__subclasses__)

    def site_of(self, distribution: Distribution) -> None:
        """Watch the folder that a package lies in which nobody has imported: it may be upgraded before that."""
        site = Path(distribution.info).parent
        self._other(lambda: site.stat().st_mtime_ns)

    def docs(self, holder: Any) -> None:
        """Watch a docstring."""
        self._other(lambda: holder.__doc__)

    def _is_new(self, key: Any, kept: Any) -> bool:
        """Remember that something is watched, and keep it alive, so that its identity is not given away."""
        if not self._active or key in self._known:
            return False
        self._known[key] = kept
        return True

    def _space(self, space: Any) -> None:
        self.spaces.append((space, tuple(space), tuple(space.values())))

    def _other(self, ask: Callable[[], Any]) -> None:
        if self._active:
            self.has_values = True
            self.others.append((ask, ask()))
