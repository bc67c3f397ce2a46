"""How values of particular types are encoded by `values.ValueEncoder`: tables from type to function.

Containers are encoded here; code by `codevalues`, other values of the standard library by `stdvalues`, those of other
packages by `libraryvalues`. Every function takes the encoder and the value. Tags of two bytes beginning with ``@`` are
this layer's own; the rest are those of `consist.hashing.canonical`.
"""

from __future__ import annotations

import collections
import contextvars
import functools
import io
import operator
import os
import types
import typing
import weakref
from _thread import _local
from typing import TYPE_CHECKING, Any

from consist.hashing.canonical import blob, text
from consist.identity.code import codevalues, libraryvalues, stdvalues
from consist.identity.code.distributions import Kind, module_named
from consist.identity.code.instances import HEAP_TYPE, added_by, state_of
from consist.identity.code.owners import origin_of_class
from consist.identity.code.wrappers import without_copies

if TYPE_CHECKING:
    from collections.abc import Callable

    from consist.identity.code.encoder import CodeEncoder

    Handler = Callable[[CodeEncoder, Any], bytes]

LARGE = 4 << 20
"""Bytes from which on hashing an array at every call (0.2 ms a MiB) is worth a word to its owner."""


def _list(tag: bytes, take: Callable[[Any], Any] = lambda value: value) -> Handler:
    return lambda encoder, value: encoder.shared(value, lambda: encoder.items(tag, take(value)))


def _dict(encoder: CodeEncoder, value: dict[Any, Any]) -> bytes:
    return encoder.shared(value, lambda: encoder.mapping(value))


def _set(encoder: CodeEncoder, value: set[Any]) -> bytes:
    return encoder.shared(value, lambda: _elements(b"e", encoder, value))


def _elements(tag: bytes, encoder: CodeEncoder, value: Any) -> bytes:
    return encoder.items(tag, encoder.sink.order(value))


def _named_mapping(encoder: CodeEncoder, value: Any) -> bytes:
    factory = getattr(value, "default_factory", None)
    name = text(type(value).__name__)
    return encoder.shared(value, lambda: b"@d" + name + encoder.encode(factory) + encoder.mapping(value))


def _forward_reference(_encoder: CodeEncoder, value: typing.ForwardRef) -> bytes:
    """Encode by the text, and not by the module that it keeps, which is ``__main__`` in a script."""
    return b"@F" + text(value.__forward_arg__)


EXACT: dict[type, Handler] = {
    list: _list(b"l"),
    tuple: lambda encoder, value: encoder.items(b"t", value),
    dict: _dict,
    set: _set,
    frozenset: lambda encoder, value: _elements(b"E", encoder, value),
    bytearray: lambda encoder, value: encoder.shared(value, lambda: blob(b"B", bytes(value))),
    slice: lambda encoder, value: encoder.items(b"w", (value.start, value.stop, value.step)),
    collections.OrderedDict: _named_mapping,
    collections.defaultdict: _named_mapping,
    collections.Counter: _named_mapping,
    collections.deque: lambda encoder, value: _list(b"@q" + encoder.encode(value.maxlen))(encoder, value),
    types.MappingProxyType: lambda encoder, value: b"m" + encoder.mapping(value),
    types.SimpleNamespace: lambda encoder, value: encoder.shared(
        value, lambda: b"@s" + encoder.attributes(vars(value).items())
    ),
    types.FunctionType: codevalues.function,
    types.BuiltinFunctionType: codevalues.builtin,
    types.MethodType: codevalues.method,
    types.MethodWrapperType: lambda encoder, value: b"@w" + text(value.__name__) + encoder.encode(value.__self__),
    types.WrapperDescriptorType: codevalues.descriptor,
    types.MethodDescriptorType: codevalues.descriptor,
    types.ClassMethodDescriptorType: codevalues.descriptor,
    types.GetSetDescriptorType: codevalues.descriptor,
    types.MemberDescriptorType: codevalues.descriptor,
    types.ModuleType: codevalues.a_module,
    types.CodeType: codevalues.code_object,
    types.CellType: lambda encoder, value: encoder.shared(value, lambda: stdvalues.cell(encoder, value)),
    type: codevalues.a_class,
    staticmethod: codevalues.wrapping(b"@1", "__func__"),
    classmethod: codevalues.wrapping(b"@2", "__func__"),
    property: codevalues.wrapping(b"@3", "fget", "fset", "fdel"),
    functools.partial: codevalues.partial,
    functools.cached_property: codevalues.wrapping(b"@4", "func", "attrname"),
    type(functools.lru_cache(lambda: None)): codevalues.lru_cache,
    operator.itemgetter: stdvalues.getter,
    operator.attrgetter: stdvalues.getter,
    operator.methodcaller: stdvalues.getter,
    types.GenericAlias: stdvalues.generic_alias,
    types.UnionType: stdvalues.generic_alias,
    typing.NewType: lambda encoder, value: b"@N" + text(value.__name__) + encoder.encode(value.__supertype__),
    typing.ForwardRef: _forward_reference,
    typing.TypeVar: stdvalues.type_variable,
    typing.ParamSpec: stdvalues.type_variable,
    io.StringIO: stdvalues.buffer,
    io.BytesIO: stdvalues.buffer,
    object: stdvalues.bare_object,
    memoryview: stdvalues.memory,
    type(os.environ): stdvalues.environment,
    weakref.ref: lambda encoder, value: b"@7" + encoder.encode(value()),
    contextvars.ContextVar: stdvalues.context_variable,
    _local: stdvalues.thread_local,
    type(NotImplemented): stdvalues.token,
    collections._tuplegetter: lambda encoder, value: b"@n" + encoder.encode(value.__reduce__()[1][0]),  # type: ignore[attr-defined] # noqa: SLF001
    types.GeneratorType: stdvalues.running,
    types.CoroutineType: stdvalues.running,
    types.AsyncGeneratorType: stdvalues.running,
    types.FrameType: stdvalues.running,
    types.TracebackType: stdvalues.token,
}
"""By exact type; what is here is never asked for by base."""

_BASES: list[tuple[Any, Handler]] = [
    (io.StringIO, stdvalues.buffer),
    (io.BytesIO, stdvalues.buffer),
    (io.IOBase, stdvalues.stream),
    (_local, stdvalues.thread_local),
    (functools.partial, codevalues.partial),
    (property, codevalues.wrapping(b"@3", "fget", "fset", "fdel")),
    (types.GenericAlias, stdvalues.generic_alias),
]


def by_base(cls: type) -> Handler | None:
    """Return how values of a class not in the table are encoded, if a base of it says so."""
    handler = next((handler for base, handler in _BASES if issubclass(cls, base)), None) or _by_name(cls)
    if handler is None or origin_of_class(cls).kind is not Kind.PROJECT:
        return handler

    if handler is stdvalues.token:
        return _token_of_project

    def with_class(encoder: CodeEncoder, value: Any) -> bytes:
        wrapped = (value.func,) if issubclass(cls, functools.partial) else ()
        attributes = encoder.attributes(without_copies(state_of(value), *wrapped))
        return b"@8" + encoder.encode(cls) + handler(encoder, value) + attributes

    return with_class


def _token_of_project(encoder: CodeEncoder, value: Any) -> bytes:
    """Encode an instance of a project's class that derives from a token: the class, and what it added to the base.

    A thread or file among that is the base's business, and counts by its type.
    """

    def encode() -> bytes:
        lenient, encoder.lenient = encoder.lenient, True
        try:
            return encoder.attributes(added_by(value, _is_of_project))
        finally:
            encoder.lenient = lenient

    return b"@8" + encoder.encode(type(value)) + stdvalues.token(encoder, value) + encoder.shared(value, encode)


def _is_of_project(cls: type) -> bool:
    return origin_of_class(cls).kind is Kind.PROJECT


def _by_name(cls: type) -> Handler | None:
    """Find a class of the standard library or of a package by its name, so that it need not be imported here."""
    if cls.__module__ == "typing":
        return (
            stdvalues.generic_alias
            if hasattr(cls, "__getitem__") and "Alias" in cls.__name__
            else stdvalues.special_form
        )
    for base in cls.__mro__:
        handler = _NAMED.get((str(base.__module__).partition(".")[0], base.__name__))
        if handler is not None and _is_genuine(base):
            return handler
    return None


def _is_genuine(cls: type) -> bool:
    """Tell whether a class is written in C or in the module that it names; the name alone proves nothing."""
    if not cls.__flags__ & HEAP_TYPE:
        return True
    module = module_named(cls.__module__)
    return module is not None and any(value is cls for value in list(vars(module).values()))


def is_token(cls: type) -> bool:
    """Tell whether values of a class count by their type alone."""
    return EXACT.get(cls) is stdvalues.token or (cls not in EXACT and by_base(cls) is stdvalues.token)


_TOKENS = {
    "_thread": "lock RLock",
    "threading": "Event Condition Semaphore Barrier _RLock",
    "multiprocessing": "SemLock Lock Event Condition Queue SimpleQueue JoinableQueue Pool Connection",
    "asyncio": "Lock Event Condition Semaphore Queue",
    "queue": "Queue SimpleQueue",
    "_queue": "SimpleQueue",
    "concurrent": "Executor",
    "logging": "Logger LoggerAdapter Handler Formatter Filterer Manager",
    "weakref": "WeakKeyDictionary WeakValueDictionary WeakSet finalize",
    "_weakrefset": "WeakSet",
}
"""Types that do not decide what a function returns."""

_NAMED: dict[tuple[str, str], Handler] = {
    **{(module, name): stdvalues.token for module, names in _TOKENS.items() for name in names.split()},
    ("threading", "Thread"): stdvalues.running,
    ("random", "SystemRandom"): stdvalues.system_random,
    ("random", "Random"): stdvalues.random_generator,
    ("array", "array"): stdvalues.array_of_numbers,
    ("_struct", "Struct"): lambda encoder, value: b"@z" + encoder.encode(value.format),
    ("pathlib", "PurePath"): lambda _, value: b"p" + text(str(value)),
    **dict.fromkeys([("datetime", name) for name in ("datetime", "date", "time", "timedelta")], stdvalues.moment),
    ("zoneinfo", "ZoneInfo"): stdvalues.zone,
    ("pydantic_core", "TzInfo"): lambda encoder, value: b"@o" + encoder.encode(value.utcoffset(None)),
    ("decimal", "Decimal"): lambda encoder, value: b"@D" + encoder.encode(tuple(stdvalues.decimal_parts(value))),
    ("decimal", "Context"): stdvalues.decimal_context,
    ("numpy", "ufunc"): libraryvalues.ufunc,
    ("numpy", "_ArrayFunctionDispatcher"): libraryvalues.dispatched,
    ("numpy", "Generator"): libraryvalues.numpy_random,
    ("numpy", "RandomState"): libraryvalues.numpy_random,
    # Their other attributes are compiled from these, and differ from process to process.
    ("pydantic", "TypeAdapter"): codevalues.wrapping(b"@5", "_type", "_config"),
    ("pydantic", "ValidateCallWrapper"): codevalues.wrapping(b"@6", "function", "validate_return", "config_wrapper"),
}
"""By the root of the module and the name of the class, for it and what derives from it."""
