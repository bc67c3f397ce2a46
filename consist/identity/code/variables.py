"""Which variables are set, and by which functions: their names do not count, but that it is the same variable does.

A function that sets a global decides what another one reads there. Each use of a variable is taken down with the place
of the use in its function; when the walk is over, the variables that one function sets and another one uses are known.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    import types
    from collections.abc import Iterator, Mapping

    from consist.identity.code.references import Binding


class Variable(NamedTuple):
    """A name in a namespace, or a cell without a name; by identity, so the walk must keep the holder alive."""

    holder: int
    name: str


def variable_of(holder: Mapping[str, Any] | types.CellType, name: str = "") -> Variable:
    """Return the variable of that name in a namespace, or the one that a cell is."""
    return Variable(id(holder), name)


def variables_of(bindings: tuple[Binding, ...]) -> list[Variable]:
    """Return the variables that a look-up went through."""
    return [variable_of(found.namespace, found.name) for found in bindings]


class Variables:
    """The uses of variables in a walk, by the function or module that uses them."""

    def __init__(self) -> None:
        self._labels: dict[int, str] = {}
        self._uses: dict[int, list[Variable]] = {}
        self._users: dict[Variable, set[int]] = {}
        self._set: set[Variable] = set()

    def used(self, user: Any, label: str, variables: list[Variable], *, sets: bool = False) -> None:
        """Take down that a function, or a module as a whole, uses some variables, or sets them."""
        self._labels[id(user)] = label
        self._uses.setdefault(id(user), []).extend(variables)
        for variable in variables:
            self._users.setdefault(variable, set()).add(id(user))
        if sets:
            self._set.update(variables)

    def shared(self) -> Iterator[tuple[str, list[tuple[int, Variable]]]]:
        """List the variables that are set and have several users, and each user's uses of them by their place."""
        shared = {variable for variable in self._set if len(self._users[variable]) > 1}
        for user, uses in self._uses.items() if shared else ():
            found = [(place, used) for place, used in enumerate(uses) if used in shared]
            if found:
                yield self._labels[user], found
