"""The config's part of a signature, and the config as readable plain data for the record.

The digest covers the value in full (``hashing/canonical.py``). The readable form is for people, for `find_runs` and
for explaining a miss: scalars and containers as they are, anything else as its text or as a type and a digest.
"""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from consist.arguments import shown
from consist.errors import UnencodableError, UsageError
from consist.hashing.canonical import Encoder, canonical_digest, encode, quoted, type_name
from consist.hashing.hasher import domain_digest

if TYPE_CHECKING:
    from pathlib import PurePath

    from consist.hashing.digest import Digest

DOMAIN = "consist 2026 config"
MAX_TEXT = 4096
"""Characters or bytes of one value kept readable; a longer one is kept as its type and digest."""

_INT64 = 1 << 63


class ConfigIdentity(NamedTuple):
    """What a config is.

    Attributes
    ----------
    digest : Digest
        Of the whole.
    values : dict
        The config's top-level items, as the user gave them; their keys are exactly `str`.
    classes : tuple of type
        The project's classes that values in it are of: a function may call their methods, so their code counts.
    has_paths : bool
        Whether there are paths in it, whose names count and nothing else.
    """

    digest: Digest
    values: dict[str, Any]
    classes: tuple[type, ...] = ()
    has_paths: bool = False

    def parts(self) -> dict[str, Digest]:
        """Digest each top-level item by itself, so that a miss can say which one differs."""
        return {_clean(key): canonical_digest(DOMAIN, value) for key, value in self.values.items()}

    def readable(self) -> dict[str, Any]:
        """Return the config as plain data; needed for a record only, so not made for a hit."""
        return {_clean(key): readable(value) for key, value in self.values.items()}


def config_identity(config: object) -> ConfigIdentity:
    """Digest a config.

    Parameters
    ----------
    config : mapping, dataclass, pydantic model or None
        Its keys, or fields (extra ones too, where a model allows them), are names.

    Raises
    ------
    UsageError
        If it is none of these, a key is no string, or two keys are the same text.
    UnencodableError
        If a value in it has no stable encoding; the message names where: ``config["model"]["sigma"]``.

    Examples
    --------
    >>> config_identity({"a": 1, "b": 2}).digest == config_identity({"b": 2, "a": 1}).digest
    True
    """
    values = _top_level(config)
    encoder = _ConfigEncoder()
    try:
        digest = domain_digest(DOMAIN, encode(values, encoder))
    except UnencodableError as error:
        raise UnencodableError(error.message, hint=error.hint, path="config" + error.path) from None
    if type(config) is not dict and not isinstance(config, Mapping) and config is not None:
        encoder.class_name(type(config))
    return ConfigIdentity(digest, values, encoder.classes_of_project() if encoder.classes else (), encoder.has_paths)


class _ConfigEncoder(Encoder):
    """Encodes plainly, and notes the classes that it meets, and whether there are paths."""

    has_paths = False

    def __init__(self) -> None:
        super().__init__()
        self.classes: dict[type, None] = {}

    def path(self, path: PurePath) -> bytes:
        self.has_paths = True
        return super().path(path)

    def class_name(self, cls: type) -> bytes:
        self.classes[cls] = None
        return super().class_name(cls)

    def classes_of_project(self) -> tuple[type, ...]:
        from consist.identity.code.owners import PROJECT, origin_of_class

        return tuple(cls for cls in self.classes if origin_of_class(cls) == PROJECT)


def _top_level(config: object) -> dict[str, Any]:
    cls: Any = type(config)
    if config is None:
        return {}
    if isinstance(config, Mapping):
        values = dict(config)
    elif dataclasses.is_dataclass(config) and not isinstance(config, type):
        values = {field.name: getattr(config, field.name) for field in dataclasses.fields(config)}
    elif hasattr(cls, "__pydantic_fields__"):
        fields = {name: getattr(config, name) for name in cls.__pydantic_fields__}
        values = fields | (getattr(config, "model_extra", None) or {})
    else:
        raise UsageError(
            f"config is {shown(config)}, not a mapping", hint="give a dict, a dataclass or a pydantic model"
        )
    for key in values:
        if not isinstance(key, str):
            raise UsageError(f"config has the key {quoted(key)}, which is no string", hint="name each item")
    # A function's parameters and a record's keys are plain strings, whatever subclass the user's keys are of.
    plain = {str.__str__(key): value for key, value in values.items()}
    if len(plain) != len(values):
        raise UsageError("config has two keys of the same text", hint="name each item once")
    return plain


def readable(value: Any) -> Any:
    """Return `value` as plain data that msgpack and JSON hold, for people to read.

    What UTF-8 cannot hold (a lone surrogate, as in the name of a file that is no UTF-8) becomes ``?``.

    Examples
    --------
    >>> readable({"shape": (2, 3), "name": "x"})
    {'shape': [2, 3], 'name': 'x'}
    """
    cls = type(value)
    if value is None or cls in {bool, float} or (cls is int and -_INT64 <= value < _INT64):
        return value
    if cls is str and len(value) <= MAX_TEXT:
        return _clean(value)
    if cls in {list, tuple, set, frozenset}:
        items = [readable(item) for item in value]
        return items if cls in {list, tuple} else sorted(items, key=str)
    if isinstance(value, Mapping):
        return {_key(key): readable(item) for key, item in value.items()}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: readable(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if hasattr(cls, "__pydantic_fields__"):
        return {name: readable(getattr(value, name)) for name in vars(cls)["__pydantic_fields__"]}
    if isinstance(value, enum.Enum):
        return _clean(f"{type_name(cls)}.{value.name}")
    return _by_text(value)


def _clean(text: str) -> str:
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def _key(key: Any) -> str:
    """Return a mapping's key as text."""
    text = str.__str__(key) if isinstance(key, str) else _text(key)
    return type_name(type(key)) if text is None else _clean(text)


def _text(value: Any) -> str | None:
    """Return a value's text, if it is not too long to be kept."""
    try:
        text = str(value)
    except ValueError:  # an integer, or what holds one, of more digits than Python turns into text
        return None
    return _clean(text) if len(text) <= MAX_TEXT else None


_TEXT_MODULES = frozenset({"datetime", "decimal", "fractions", "pathlib", "uuid", "zoneinfo", "builtins"})
_TIMES_OF_PANDAS = frozenset({"Timestamp", "Timedelta", "Period", "NaTType", "NAType"})
"""Classes of pandas whose text says all that people ask; that of a timestamp is the one of a datetime."""


def _by_text(value: Any) -> Any:
    """Keep a value of the standard library, a numpy scalar or a time of pandas as its text; else type and digest."""
    cls = type(value)
    if hasattr(value, "item") and getattr(value, "shape", None) == ():
        return readable(value.item()) if type(value.item()) is not cls else _text(value)
    package = cls.__module__.partition(".")[0]  # in 3.13 paths are of `pathlib._local`
    is_time = cls.__name__ in _TIMES_OF_PANDAS and package == "pandas"
    if is_time or (package in _TEXT_MODULES and cls not in {str, bytes, bytearray}):
        text = _text(value)
        if text is not None:
            return text
    return {"$type": type_name(cls), "$digest": canonical_digest(DOMAIN, value).hex}
