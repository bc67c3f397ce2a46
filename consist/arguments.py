"""Arguments of the public functions, looked at where they come in: a slip is named there, not met deep inside.

A `Kind` is what an argument may be, and what to write instead. Only types are looked at; whether a name leads to
something is for whoever looks there. None is what was left out, and passes unless it is said to be required.
"""

from __future__ import annotations

import operator
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from consist.errors import UsageError

if TYPE_CHECKING:
    from typing import Self


class Kind(NamedTuple):
    """What an argument may be.

    Attributes
    ----------
    fits : callable
        Tells whether a value is of this kind.
    hint : str
        What to write.
    """

    fits: Callable[[Any], bool]
    hint: str


def instance_of(cls: type) -> Kind:
    """Return the kind of a class's objects."""
    return Kind(lambda value: isinstance(value, cls), f"give {cls.__name__}(…)")


def one_of(*allowed: object) -> Kind:
    """Return the kind of a few values: texts, and others by identity, so that 1 is not taken for True."""

    def fits(value: object) -> bool:
        return any(value is known or (type(known) is str and value == known) for known in allowed)

    return Kind(fits, f"it is one of {', '.join(map(str, allowed))}")


def _is_list(value: object) -> bool:
    return isinstance(value, (list, tuple, Sequence, AbstractSet)) and not isinstance(value, (str, bytes, bytearray))


def _is_count(value: Any) -> bool:
    try:
        return not isinstance(value, bool) and operator.index(value) >= 0
    except TypeError:
        return False


def _is_path(value: object) -> bool:
    return value != "" and "\0" not in value if isinstance(value, str) else isinstance(value, os.PathLike)


TEXT = Kind(lambda value: isinstance(value, str), "give text")
FLAG = Kind(lambda value: isinstance(value, bool), "give True or False")
COUNT = Kind(_is_count, "give a whole number, 0 or more")
PATH = Kind(_is_path, "give a path, as text or as a Path")
LIST = Kind(_is_list, "give a list")
ANYTHING = Kind(lambda _: True, "")
MAPPING = Kind(lambda value: isinstance(value, Mapping), "give a mapping, with a name for each")
FUNCTION = Kind(callable, "give a function, without calling it")


def check(
    name: str, value: object, kind: Kind, *, required: bool = False, error: type[UsageError] = UsageError
) -> None:
    """Refuse an argument of another kind.

    Parameters
    ----------
    name : str
        The argument's.
    value : object
        What was given; None is what was not.
    kind : Kind
        What it may be.
    required : bool
        Whether None is refused too: it may be what something returned that was meant to return more.
    error : type of UsageError
        What is raised.

    Raises
    ------
    UsageError
        If it is of another kind.

    Examples
    --------
    >>> check("limit", 5, COUNT)
    >>> check("limit", "five", COUNT)
    Traceback (most recent call last):
    consist.errors.UsageError: limit is 'five' (give a whole number, 0 or more)
    """
    if (value is not None or required) and not kind.fits(value):
        raise error(f"{name} is {shown(value)}", hint=kind.hint)


def check_each(name: str, values: object, kind: Kind, *, error: type[UsageError] = UsageError) -> None:
    """Refuse what is no list, and a list with an item of another kind.

    Raises
    ------
    UsageError
        A text is no list, though Python would take it for one of letters.

    Examples
    --------
    >>> check_each("depends_on", "table.csv", PATH)
    Traceback (most recent call last):
    consist.errors.UsageError: depends_on is 'table.csv' (give a list: ['table.csv'])
    """
    if values is None:
        return
    if not _is_list(values):
        alone = not isinstance(values, Iterable) or isinstance(values, (str, bytes, os.PathLike))
        # Of anything but a path, what it says of itself may be a secret, or an error.
        is_path = isinstance(values, (str, bytes, os.PathLike))
        written = repr(values) if is_path else getattr(values, "__name__", "…")
        said = f"give a list: [{written:.60}]" if alone and kind.fits(values) else LIST.hint
        raise error(f"{name} is {shown(values)}", hint=said)
    for place, value in enumerate(values):  # type: ignore[arg-type, var-annotated]  # a list, as was seen
        if not kind.fits(value):
            raise error(f"{name}[{place}] is {shown(value)}", hint=kind.hint)


def texts(name: str, values: object) -> tuple[str, ...]:
    """Return one text or several as a tuple of them.

    Raises
    ------
    UsageError
        If it is something else.

    Examples
    --------
    >>> texts("tags", "draft"), texts("tags", ["draft", "final"])
    (('draft',), ('draft', 'final'))
    """
    if isinstance(values, str):
        return (values,)
    if not isinstance(values, Iterable):
        raise UsageError(f"{name} is {shown(values)}", hint="give text, or a list of texts")
    found = tuple(values)
    check_each(name, found, TEXT)
    return found


def check_values(name: str, values: object, kind: Kind, *, error: type[UsageError] = UsageError) -> None:
    """Refuse what is no mapping of names, and a mapping with a value of another kind.

    Raises
    ------
    UsageError
        The message names the key.
    """
    check(name, values, MAPPING, error=error)
    for key, value in values.items() if isinstance(values, Mapping) else ():
        if not isinstance(key, str):
            raise error(f"{name} has the key {key!r:.60}, which is no text", hint="name each item")
        if not kind.fits(value):
            raise error(f"{name}[{key!r:.60}] is {shown(value)}", hint=kind.hint)


def check_known(called: str, names: Iterable[str], known: Iterable[str], otherwise: str = "") -> None:
    """Refuse names that are none of those that are known.

    Parameters
    ----------
    called : str
        What has them, for the message: ``run``, ``CacheOptions``.
    names : iterable of str
        What was given.
    known : iterable of str
        What there is.
    otherwise : str
        What to say where none of them is near. Default: all that there are.

    Raises
    ------
    UsageError
        The message names the nearest right one.

    Examples
    --------
    >>> check_known("run", ["confg"], ["config", "inputs"])
    Traceback (most recent call last):
    consist.errors.UsageError: run has no argument 'confg' (did you mean 'config'?)
    """
    known = list(known)
    for name in names:
        if name not in known:
            raise UsageError(f"{called} has no argument {name!r:.60}", hint=nearest(name, known, otherwise))


def check_unknown(fn: Callable[..., Any], unknown: Mapping[str, Any]) -> None:
    """Refuse what a function gathered as ``**unknown``: no type checker lets it through, but few people run one.

    Raises
    ------
    UsageError
        If there is anything; the message names the nearest parameter.

    Examples
    --------
    >>> def clean(table, *, strict=False, **unknown): ...
    >>> check_unknown(clean, {"tabel": 3})
    Traceback (most recent call last):
    consist.errors.UsageError: clean has no argument 'tabel' (did you mean 'table'?)
    """
    if unknown:
        from inspect import Parameter, signature  # for a slip only

        gathering = {Parameter.VAR_POSITIONAL, Parameter.VAR_KEYWORD}
        known = [name for name, parameter in signature(fn).parameters.items() if parameter.kind not in gathering]
        check_known(fn.__name__, unknown, known)


def check_no_more(called: str, values: tuple[object, ...], example: str) -> None:
    """Refuse arguments without a name.

    Raises
    ------
    UsageError
        If there are any.
    """
    if values:
        raise UsageError(f"{called} got {shown(values[0])} without a name", hint=f"name it: {example}")


def closest(name: str, known: Iterable[str], *, cutoff: float = 0.6) -> str | None:
    """Return the one of the known names that a name may be a slip for, by `difflib`; None if it is like none.

    Examples
    --------
    >>> closest("stor", ["store", "run_dir"])
    'store'
    """
    import difflib  # for a slip only

    return next(iter(difflib.get_close_matches(name, list(known), n=1, cutoff=cutoff)), None)


def nearest(name: str, known: Iterable[str], otherwise: str = "") -> str:
    """Return a hint: which of the known names was perhaps meant, or which there are.

    Examples
    --------
    >>> nearest("stor", ["store", "run_dir"]), nearest("x", ["store", "run_dir"])
    ("did you mean 'store'?", 'there are store, run_dir')
    """
    known = list(known)
    near = closest(name, known)
    return otherwise or f"there are {', '.join(known)}" if near is None else f"did you mean {near!r}?"


class Named:
    """A base of option values: a keyword that there is not is an error that names the nearest right one."""

    __slots__ = ()
    __dataclass_fields__: ClassVar[dict[str, Any]]

    def __new__(cls, *_: object, **given: object) -> Self:
        """Look at the names, before `__init__` takes the values."""
        if not given.keys() <= cls.__dataclass_fields__.keys():
            check_known(cls.__name__, given, cls.__dataclass_fields__)
        return object.__new__(cls)


def shown(value: object) -> str:
    """Return a value as a message shows it: a plain one as it is written, anything else by its type.

    Examples
    --------
    >>> shown("yes"), shown(3), shown([1, 2]), shown(ValueError())
    ("'yes'", '3', 'a list', 'a ValueError')
    """
    if value is None or isinstance(value, (str, bytes, bool, int, float)):
        return f"{value!r:.60}"
    return f"the class {value.__name__}" if isinstance(value, type) else an(type(value).__name__)


def an(word: str) -> str:
    """Return a word with its article.

    Examples
    --------
    >>> an("int"), an("list"), an("asynchronous generator"), an("URL")
    ('an int', 'a list', 'an asynchronous generator', 'a URL')
    """
    vowel = word[:1].lower() in tuple("aeio") or word.startswith(("nd", "un", "up"))
    return f"{'an' if vowel else 'a'} {word}"
