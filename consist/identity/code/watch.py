"""What a walk looked at, taken down before it looks: the guards by which the memo tells whether anything changed since.

Before, and not after: if another thread changes something while the walk looks at it, the guard is of the older state
and fails at the next check, instead of vouching for a digest that it does not belong to.
"""

from __future__ import annotations

import abc
import functools
import gc
import operator
import types
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

from consist.identity.code.contents import Contents
from consist.identity.code.instances import HEAP_TYPE, dict_of
from consist.identity.code.intruders import registered, registries_of
from consist.identity.code.owners import is_a
from consist.identity.code.references import MISSING, Binding, contents
from consist.identity.code.snapshots import is_frozen, snapshot

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from consist.identity.code.distributions import Distribution


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
        self.absent: list[tuple[dict[str, Any], str]] = []
        """Names that are bound nowhere, or further out."""
        self.plain: list[tuple[types.FunctionType, types.CodeType, str]] = []
        """Functions without defaults and attributes, as most are."""
        self.functions: list[tuple[types.FunctionType, types.CodeType, Any, Any, str]] = []
        self.bare: list[types.FunctionType] = []
        """Functions without attributes."""
        self.cells: list[tuple[types.CellType, Any]] = []
        self.sizes: list[tuple[Any, int]] = []
        """Namespaces to which nothing may be added."""
        self.bases: list[tuple[type, type, tuple[type, ...], str]] = []
        self.attributes: list[tuple[Callable[[Any], tuple[Any, ...]], Any, tuple[Any, ...]]] = []
        """Objects of which some attributes count: how to get them, of what, and what they were."""
        self.libraries: list[tuple[Any, dict[str, Any]]] = []
        self.contents = Contents()
        """What may change in place."""
        self.others: list[tuple[Callable[[], Any], Any]] = []
        self.has_values = False

    def names(self, found: Iterable[Binding]) -> None:
        """Watch names in namespaces."""
        for binding in found:
            if self._is_new((id(binding.namespace), binding.name), binding.namespace):
                self._binding(*binding)

    def _binding(self, namespace: dict[str, Any], name: str, value: Any) -> None:
        if type(namespace) is not dict:
            # One of another class may answer for itself what is not in it.
            self._other(lambda: namespace.get(name, MISSING) is value, True)
        elif value is MISSING:
            self.absent.append((namespace, name))
        else:
            self.bindings.append((namespace, name, value))

    def function(self, function: types.FunctionType) -> None:
        """Watch a function's code, defaults, attributes and cells."""
        if not self._is_new(id(function), function):
            return
        code, defaults, keyword = function.__code__, function.__defaults__, function.__kwdefaults__
        if defaults is None and keyword is None and not function.__dict__:
            self.plain.append((function, code, function.__name__))
        else:
            self.functions.append((function, code, defaults, keyword, function.__name__))
            self._attributes_of(function)
        if keyword:
            self.namespace(keyword)
        self.cells += [(cell, contents(cell)) for cell in function.__closure__ or ()]

    def _attributes_of(self, function: types.FunctionType) -> None:
        if function.__dict__:
            self.namespace(function.__dict__)
            self.some_of(function, "__dict__")  # somebody may put another in its place
        else:
            self.bare.append(function)

    def a_class(self, cls: type) -> None:
        """Watch what a class holds, and its bases."""
        if self._is_new(id(cls), cls):
            self._space(vars(cls))
            self.bases.append((cls, type(cls), cls.__bases__, cls.__name__))
            if "_abc_impl" in vars(cls):
                self._other(abc.get_cache_token, abc.get_cache_token())

    def namespace(self, namespace: dict[Any, Any]) -> None:
        """Watch a whole namespace."""
        if self._is_new(("space", id(namespace)), namespace):
            self._space(namespace)

    def some_of(self, holder: Any, *names: str) -> None:
        """Watch which objects some attributes are; those that there are not, not."""
        there = [name for name in names if hasattr(holder, name)]
        if self._is_new(("some", id(holder), names), holder) and there:
            # With one name it would not give a tuple.
            get = operator.attrgetter(*there, there[0])
            self.attributes.append((get, holder, get(holder)))

    def size(self, holder: Any, space: dict[str, Any]) -> None:
        """Watch that nothing is added to a library's class, nor put in the place of what was added."""
        if self._is_new(("size", id(holder)), holder):
            self.sizes.append((space, len(space)))
            last = next(reversed(space))
            # A name that was deleted hides one that was added. To ask for the last one takes 0.07 us a class; pandas'
            # and polars' own end with a private name, and nobody deletes theirs.
            if not last.startswith("_"):
                self._other(lambda: next(reversed(space)), last)

    def asked(self, ask: Callable[[], Any], answer: Any) -> None:
        """Watch what a module's own ``__getattr__`` answers: by content, as it may make it anew each time."""
        if self._active:
            self.has_values = True
            self.others.append((lambda: snapshot(ask()).content, snapshot(answer).content))

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
            heap = [base for base in value.__mro__ if base.__flags__ & HEAP_TYPE]
            new = [base for base in heap if self._is_new(("library", id(base)), base)]
            self.libraries += [(vars(base), dict(vars(base))) for base in new]
            for item in chain.from_iterable(vars(base).values() for base in new):
                self._held_by_class(item)
        elif is_a(value, types.FunctionType):
            self._registries_of(value)

    def _held_by_class(self, item: Any) -> None:
        """Watch what a library's class has: an accessor of pandas, say, with the class that it makes, or a registry."""
        if type(item) is dict or type(item) is list:
            if self._is_new(("size", id(item)), item):
                self.sizes.append((item, len(item)))
        elif type(item).__flags__ & HEAP_TYPE and not is_a(item, type) and dict_of(item):
            self.namespace(dict_of(item))
            if type(item) is functools.singledispatchmethod:
                # The dict itself: the proxy of it that is shown would be encoded at each hit.
                self.namespace(gc.get_referents(item.dispatcher.registry)[0])

    def _registries_of(self, function: types.FunctionType) -> None:
        """Watch a library's function if it has parts of its own, and the containers in its module that it uses."""
        if function.__closure__ or function.__dict__:
            self.function(function)
        if self._is_new(("library", id(function)), function):
            self._attributes_of(function)
        for name in function.__code__.co_names:
            container = function.__globals__.get(name, MISSING)
            self._registries_in(function, name, container)
            if type(container) in {dict, list, tuple}:
                self.names([Binding(function.__globals__, name, container)])
            if type(container) is dict:
                self.namespace(container)
            elif type(container) is list:
                self.value(container)

    def _registries_in(self, function: types.FunctionType, name: str, value: Any) -> None:
        """Watch the registries in a class or object that a library's function uses if the project is in one."""
        for _, found in registries_of(name, value):
            if found is not value and registered(found):
                self.names([Binding(function.__globals__, name, value)])
                self.namespace(found) if type(found) is dict else self.value(found)

    def subclasses(self, cls: type) -> None:
        """Watch which classes derive from a class."""
        self._other(cls.__subclasses__, cls.__subclasses__())

    def site_of(self, distribution: Distribution) -> None:
        """Watch the folder that a package lies in which nobody has imported: it may be upgraded before that."""
        site = Path(distribution.info).parent
        self._other(lambda: site.stat().st_mtime_ns, site.stat().st_mtime_ns)

    def docs(self, holder: Any) -> None:
        """Watch a docstring."""
        self._other(lambda: holder.__doc__, holder.__doc__)

    def _is_new(self, key: Any, kept: Any) -> bool:
        """Remember that something is watched, and keep it alive, so that its identity is not given away."""
        if not self._active or key in self._known:
            return False
        self._known[key] = kept
        return True

    def _space(self, space: Any) -> None:
        self.has_values = True
        self.contents.take_namespace(space)

    def _other(self, ask: Callable[[], Any], answer: Any) -> None:
        if self._active:
            self.has_values = True
            self.others.append((ask, answer))
