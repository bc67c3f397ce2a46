"""Dataclasses, pydantic models, named tuples and members of enumerations, as their class's name and plain fields.

A part of the plain format: such a value may lie anywhere in another. The class is named by module and name, and found
there again when the value is read; one that is gone, or whose fields are others now, is an error that names it. A
value is put together without calling its class, so nothing of it runs: what the fields held is what they hold.
"""

from __future__ import annotations

import dataclasses
import enum
import functools
import importlib
import sys
from typing import TYPE_CHECKING, Any

from consist.arguments import an
from consist.errors import DamagedError, OutputError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

DATACLASS, MODEL, NAMED_TUPLE, MEMBER, FLAGS = "dataclass", "pydantic", "namedtuple", "enum", "flag"

_HINT = "return its fields as a dict"


def take(value: Any) -> list[Any] | None:
    """Take an object apart into plain data, or return None if it is of no such kind.

    Returns
    -------
    list or None
        The kind, the class as ``module:name``, and what it holds.

    Raises
    ------
    OutputError
        If it would not come back as it is.

    Examples
    --------
    >>> from http import HTTPStatus
    >>> take(HTTPStatus.OK), give(*take(HTTPStatus.OK)), take("text")
    (['enum', 'http:HTTPStatus', 'OK'], <HTTPStatus.OK: 200>, None)
    """
    kind = _kind(type(value), value)
    return None if kind is None else [kind, _name_of(type(value)), *_TAKE[kind](value)]


def give(kind: str, name: str, *held: Any) -> Any:
    """Put an object together again from what `take` returned.

    Raises
    ------
    OutputError
        If its class is not there any more, or has other fields.
    DamagedError
        If `take` never returned this.
    """
    if kind not in _GIVE:
        raise DamagedError(
            f"a plain value holds an object of the unknown kind {kind!r:.40}",
            hint="a newer consist may have written it: upgrade",
        )
    cls = _class_named(name)
    if not _is_of_kind(cls, kind):
        raise _unreadable(name, f"that is no {kind} now")
    return _GIVE[kind](cls, name, list(held))


def is_taken(cls: type) -> bool:
    """Tell whether values of a class may be taken apart, or be of a class that is made like one whose values are."""
    return any(_is_of_kind(cls, kind) for kind in (MEMBER, NAMED_TUPLE, MODEL, DATACLASS))


def _kind(cls: type, value: Any) -> str | None:
    if isinstance(value, enum.Enum):
        return FLAGS if isinstance(value, enum.Flag) else MEMBER
    if dataclasses.is_dataclass(cls):
        return DATACLASS
    if _is_model(cls):
        return MODEL
    return NAMED_TUPLE if isinstance(value, tuple) and hasattr(cls, "_fields") else None


def _is_of_kind(cls: type, kind: str) -> bool:
    """Tell whether a class that a record names is one that may be made here; a record may name any."""
    if kind in {MEMBER, FLAGS}:
        return issubclass(cls, enum.Flag if kind == FLAGS else enum.Enum)
    if kind == NAMED_TUPLE:
        return issubclass(cls, tuple) and hasattr(cls, "_fields")
    return _is_model(cls) if kind == MODEL else dataclasses.is_dataclass(cls)


def _is_model(cls: type) -> bool:
    pydantic = sys.modules.get("pydantic")
    return pydantic is not None and issubclass(cls, pydantic.BaseModel)


# --- names of classes


def _name_of(cls: type) -> str:
    """Name a class so that it is found again.

    Raises
    ------
    OutputError
        If nobody who looks there finds this very class.
    """
    module = "__main__" if cls.__module__ == "__mp_main__" else cls.__module__
    if "<locals>" in cls.__qualname__:
        raise OutputError(
            f"the class {cls.__qualname__} is made within a function, so it cannot be found again",
            hint=f"put it at the top of its module, or {_HINT}",
        )
    found = _looked_up(sys.modules.get(module), cls.__qualname__)
    if found is not cls:
        raise OutputError(
            f"the class {module}.{cls.__qualname__} is another one by now, or none has this name",
            hint=f"make the value anew, or {_HINT}",
        )
    return f"{module}:{cls.__qualname__}"


def _class_named(name: str) -> type:
    module, _, qualname = name.partition(":")
    try:
        found = _looked_up(importlib.import_module(module), qualname)
    except (Exception, SystemExit) as error:  # a user's module runs here, and may raise or end anything
        reason = str(error) if isinstance(error, ImportError) else f"{error!r:.200}"
        raise _unreadable(name, f"its module cannot be imported: {reason}") from error
    if not isinstance(found, type):
        raise _unreadable(name, "there is no such class")
    return found


def _looked_up(module: Any, qualname: str) -> Any:
    return functools.reduce(lambda place, part: getattr(place, part, None), qualname.split("."), module)


def _unreadable(name: str, reason: str) -> OutputError:
    return OutputError(
        f"a value of the class {name.replace(':', '.')} cannot be read: {reason}",
        hint="put the class back where it was, or run the step again",
    )


def _check_fields(name: str, recorded: Iterable[str], now: Iterable[str]) -> None:
    if set(recorded) != set(now):
        raise _unreadable(name, f"its fields were {', '.join(recorded)}, and are {', '.join(now)} now")


# --- dataclasses


def _take_dataclass(value: Any) -> list[Any]:
    cls: Any = type(value)
    if cls.__new__ is not object.__new__:
        raise OutputError(f"{an(cls.__qualname__)} is more than its fields", hint=_HINT)
    names = [field.name for field in dataclasses.fields(value)]
    _refuse_more(cls, getattr(value, "__dict__", {}).keys() - names)
    try:
        return [{name: getattr(value, name) for name in names}]
    except AttributeError as error:
        raise OutputError(f"{an(cls.__qualname__)} lacks a field: {error}", hint=_HINT) from error


def _give_dataclass(cls: Any, name: str, held: list[Any]) -> Any:
    (values,) = held
    _check_fields(name, values, [field.name for field in dataclasses.fields(cls)])
    value = object.__new__(cls)
    for field, kept in values.items():
        object.__setattr__(value, field, kept)
    return value


def _refuse_more(cls: type, names: Iterable[str]) -> None:
    """Refuse attributes beside the fields, but for what a cached property computes again."""
    for name in sorted(names):
        if not isinstance(getattr(cls, name, None), functools.cached_property):
            raise OutputError(f"{an(cls.__qualname__)} holds {name!r}, which is none of its fields", hint=_HINT)


# --- pydantic


def _take_model(value: Any) -> list[Any]:
    cls = type(value)
    names = list(cls.model_fields)
    _refuse_more(cls, value.__dict__.keys() - names)
    held = {name: value.__dict__[name] for name in names if name in value.__dict__}
    return [held, sorted(value.model_fields_set), value.__pydantic_extra__, value.__pydantic_private__]


def _give_model(cls: Any, name: str, held: list[Any]) -> Any:
    values, given, extra, private = held
    _check_fields(name, values, cls.model_fields)
    value = object.__new__(cls)
    for slot, kept in (
        ("__dict__", dict(values)),
        ("__pydantic_fields_set__", set(given)),
        ("__pydantic_extra__", extra),
        ("__pydantic_private__", private),
    ):
        object.__setattr__(value, slot, kept)
    return value


# --- named tuples and enumerations


def _take_named_tuple(value: Any) -> list[Any]:
    return [dict(zip(type(value)._fields, value, strict=True))]


def _give_named_tuple(cls: Any, name: str, held: list[Any]) -> Any:
    (values,) = held
    _check_fields(name, values, cls._fields)
    return tuple.__new__(cls, [values[field] for field in cls._fields])


def _give_member(cls: Any, name: str, held: list[Any]) -> Any:
    (member,) = held
    if member not in cls.__members__:
        raise _unreadable(name, f"it has no member {member!r} now")
    return cls.__members__[member]


_TAKE: dict[str, Callable[[Any], list[Any]]] = {
    DATACLASS: _take_dataclass,
    MODEL: _take_model,
    NAMED_TUPLE: _take_named_tuple,
    MEMBER: lambda value: [value.name],
    FLAGS: lambda value: [value.value],
}
_GIVE: dict[str, Callable[..., Any]] = {
    DATACLASS: _give_dataclass,
    MODEL: _give_model,
    NAMED_TUPLE: _give_named_tuple,
    MEMBER: _give_member,
    FLAGS: lambda cls, _name, held: cls(held[0]),
}
