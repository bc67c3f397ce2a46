"""How values of particular types are encoded by `values.ValueEncoder`: a table from type to function.

Every function takes the encoder and the value. Tags of two bytes beginning with ``@`` are this layer's own; the rest
are those of `consist.hashing.canonical`.
"""

from __future__ import annotations

import collections
import contextvars
import functools
import importlib
import io
import operator
import os
import re
import sys
import types
import typing
import weakref
from _thread import _local
from typing import TYPE_CHECKING, Any

from consist.hashing.canonical import Encoder, blob, text
from consist.identity.code import codevalues
from consist.identity.code.distributions import Kind, origin_of_module_name
from consist.identity.code.instances import state_of
from consist.identity.code.owners import origin_of_class

if TYPE_CHECKING:
    from collections.abc import Callable

    from consist.identity.code.encoder import CodeEncoder

    Handler = Callable[[CodeEncoder, Any], bytes]

LARGE = 4 << 20
"""Bytes from which on hashing an array at every call (0.2 ms a MiB) is worth a word to its owner."""

_HEAP_TYPE = 1 << 9
_atoms: set[type] = {type(None), type(...), bool, int, float, complex, str, bytes, range, re.Pattern}
_ATOMS_BY_NAME = {
    "datetime": "datetime date time timedelta timezone",
    "decimal": "Decimal",
    "fractions": "Fraction",
    "uuid": "UUID",
    "zoneinfo": "ZoneInfo",
    "pathlib": "PurePosixPath PosixPath PureWindowsPath WindowsPath",
    "pathlib._local": "PurePosixPath PosixPath PureWindowsPath WindowsPath",
}
"""By module, so that none of them is imported before somebody uses one."""


def is_atom(cls: type) -> bool:
    """Tell whether values of a type cannot change and are encoded wholly by `canonical`."""
    if cls in _atoms:
        return True
    names = _ATOMS_BY_NAME.get(cls.__module__)
    if names is None or cls.__name__ not in names.split():
        return False
    # The name proves nothing: the type must be what its module has under it.
    genuine = getattr(sys.modules.get(cls.__module__), cls.__name__, None) is cls
    if genuine:
        _atoms.add(cls)
    return genuine


# --- containers


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


# --- the rest of the standard library


def token(encoder: CodeEncoder, value: Any) -> bytes:
    """Encode by type alone: locks, loggers and the like, which do not decide what a function returns."""
    del encoder
    return b"@t" + text(type(value).__qualname__)


def _reduced(encoder: CodeEncoder, value: Any) -> bytes:
    """Encode one of `operator`'s getters, whose content only ``__reduce__`` gives; they are no user's to change."""
    return b"@r" + text(type(value).__qualname__) + encoder.encode(value.__reduce__()[1:])


def _generic_alias(encoder: CodeEncoder, value: Any) -> bytes:
    return b"@a" + encoder.encode(typing.get_origin(value)) + encoder.encode(typing.get_args(value))


def _type_variable(_encoder: CodeEncoder, value: Any) -> bytes:
    return b"@v" + text(value.__name__)


def _special_form(_encoder: CodeEncoder, value: Any) -> bytes:
    return b"@f" + text(str(value))


def _random(encoder: CodeEncoder, value: Any) -> bytes:
    from random import Random

    return encoder.shared(value, lambda: b"@R" + encoder.encode(Random.getstate(value)))


def _without_state(encoder: CodeEncoder, value: Any) -> bytes:
    """Encode by type alone, as a token; but the attributes of a project's subclass count."""
    return token(encoder, value)


def _stream(encoder: CodeEncoder, value: Any) -> bytes:
    names = ("stdin", "stdout", "stderr")
    for name in names:
        if value is getattr(sys, name) or value is getattr(sys, f"__{name}__"):
            return b"@t" + text(name)
    return encoder.opaque(value, "an open file")


def _buffer(encoder: CodeEncoder, value: Any) -> bytes:
    base: Any = io.BytesIO if issubclass(type(value), io.BytesIO) else io.StringIO
    return b"@i" + encoder.encode(base.getvalue(value)) + encoder.encode(base.tell(value))


def _environment(encoder: CodeEncoder, value: Any) -> bytes:
    encoder.sink.notice("reads the environment (os.environ), which is not part of the identity")
    return token(encoder, value)


def _unique(encoder: CodeEncoder, value: object) -> bytes:
    return encoder.shared(value, lambda: b"@u")


def _memory(encoder: CodeEncoder, value: memoryview) -> bytes:
    return b"@y" + encoder.encode((value.format, value.shape)) + blob(b"b", value.tobytes())


def _array(encoder: CodeEncoder, value: Any) -> bytes:
    from array import array

    code = array.typecode.__get__(value)
    return encoder.shared(value, lambda: b"@A" + text(code) + blob(b"b", array.tobytes(value)))


def _context_variable(encoder: CodeEncoder, value: contextvars.ContextVar[Any]) -> bytes:
    try:
        return b"@x" + text(value.name) + encoder.encode(value.get())
    except LookupError:
        return b"@x" + text(value.name) + b"-"


def _thread_local(encoder: CodeEncoder, value: Any) -> bytes:
    """Encode what this thread sees in it; a getter of C finds that, and not the object's own attribute access."""
    return encoder.shared(
        value, lambda: b"@T" + encoder.attributes(sorted(_local.__getattribute__(value, "__dict__").items()))
    )


def _running(encoder: CodeEncoder, value: Any) -> bytes:
    return encoder.opaque(value, "something that runs or is used up")


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
    types.CellType: lambda encoder, value: encoder.shared(value, lambda: _cell(encoder, value)),
    type: codevalues.a_class,
    staticmethod: codevalues.wrapping(b"@1", "__func__"),
    classmethod: codevalues.wrapping(b"@2", "__func__"),
    property: codevalues.wrapping(b"@3", "fget", "fset", "fdel"),
    functools.partial: codevalues.partial,
    functools.cached_property: codevalues.wrapping(b"@4", "func", "attrname"),
    type(functools.lru_cache(lambda: None)): codevalues.lru_cache,
    operator.itemgetter: _reduced,
    operator.attrgetter: _reduced,
    operator.methodcaller: _reduced,
    types.GenericAlias: _generic_alias,
    types.UnionType: _generic_alias,
    typing.NewType: lambda encoder, value: b"@N" + text(value.__name__) + encoder.encode(value.__supertype__),
    typing.TypeVar: _type_variable,
    typing.ParamSpec: _type_variable,
    io.StringIO: _buffer,
    io.BytesIO: _buffer,
    object: _unique,
    memoryview: _memory,
    type(os.environ): _environment,
    weakref.ref: lambda encoder, value: b"@7" + encoder.encode(value()),
    contextvars.ContextVar: _context_variable,
    _local: _thread_local,
    type(NotImplemented): token,
    collections._tuplegetter: lambda encoder, value: b"@n" + encoder.encode(value.__reduce__()[1][0]),  # type: ignore[attr-defined] # noqa: SLF001
    types.GeneratorType: _running,
    types.CoroutineType: _running,
    types.AsyncGeneratorType: _running,
    types.FrameType: _running,
    types.TracebackType: token,
}
"""By exact type; what is here is never asked for by base."""

_BASES: list[tuple[Any, Handler]] = [
    (io.StringIO, _buffer),
    (io.BytesIO, _buffer),
    (io.IOBase, _stream),
    (_local, _thread_local),
    (functools.partial, codevalues.partial),
    (property, codevalues.wrapping(b"@3", "fget", "fset", "fdel")),
    (types.GenericAlias, _generic_alias),
]


def by_base(cls: type) -> Handler | None:
    """Return how values of a class not in the table are encoded, if a base of it says so."""
    if cls.__name__ == "cython_function_or_method":
        # Its type says nothing of where it comes from: each module has one in a module that is nowhere.
        return _cython
    handler = next((handler for base, handler in _BASES if issubclass(cls, base)), None) or _by_name(cls)
    if handler is None or origin_of_class(cls).kind is not Kind.PROJECT:
        return handler

    def with_class(encoder: CodeEncoder, value: Any) -> bytes:
        state = b"" if handler is token else encoder.attributes(state_of(value))
        return b"@8" + encoder.encode(cls) + handler(encoder, value) + state

    return with_class


def _by_name(cls: type) -> Handler | None:
    """Find a class of the standard library or of a package by its name, so that it need not be imported here."""
    if cls.__module__ == "typing":
        return _generic_alias if hasattr(cls, "__getitem__") and "Alias" in cls.__name__ else _special_form
    for base in cls.__mro__:
        handler = _NAMED.get((str(base.__module__).partition(".")[0], base.__name__))
        if handler is not None and _is_genuine(base):
            return handler
    return None


def _is_genuine(cls: type) -> bool:
    """Tell whether a class is written in C or in the module that it names; the name alone proves nothing."""
    if not cls.__flags__ & _HEAP_TYPE:
        return True
    module = sys.modules.get(cls.__module__)
    return module is not None and any(value is cls for value in list(vars(module).values()))


def _moment(encoder: CodeEncoder, value: Any) -> bytes:
    """Encode what a subclass of a date or time holds, as the base itself gives it and not the subclass."""
    base: Any = next(base for base in type(value).__mro__ if is_atom(base))
    reduced = base.__reduce_ex__(value, 4) if "__reduce_ex__" in vars(base) else base.__reduce__(value)
    return b"@9" + text(base.__name__) + encoder.encode(reduced[1])


def _zone(encoder: CodeEncoder, value: Any) -> bytes:
    """Encode a subclass of ``ZoneInfo`` by its key; one that was read from a file does not say what is in it."""
    from zoneinfo import ZoneInfo

    key = ZoneInfo.key.__get__(value)
    return encoder.opaque(value, "a time zone without a name") if key is None else b"@Z" + text(key)


def _decimal(value: Any) -> Any:
    from decimal import Decimal

    return Decimal.as_tuple(value)


def wrapped_in_c(encoder: CodeEncoder, value: Any) -> bytes | None:
    """Encode an object of C that says which Python function it was made of (numba's, for one), and how."""
    function = getattr(value, "__wrapped__", None) or getattr(value, "py_func", None)
    if not isinstance(function, types.FunctionType):
        return None
    options = getattr(value, "targetoptions", None)
    return b"@k" + encoder.encode(type(value)) + encoder.encode(function) + encoder.encode(options)


def is_token(cls: type) -> bool:
    """Tell whether values of a class count by their type alone."""
    return EXACT.get(cls) is token or (cls not in EXACT and by_base(cls) is token)


def _cell(encoder: CodeEncoder, value: Any) -> bytes:
    try:
        return b"@e" + encoder.encode(value.cell_contents)
    except ValueError:
        return b"@e"


def _cython(encoder: CodeEncoder, value: Any) -> bytes:
    return encoder.symbol(origin_of_module_name(value.__module__), value.__module__, value.__qualname__)


# --- numpy's objects that are neither data nor code


def _ufunc(encoder: CodeEncoder, value: Any) -> bytes:
    """Encode a ufunc by name; one made of a Python function hides it."""
    if value.__name__.endswith("(vectorized)"):
        return encoder.opaque(value, "a ufunc made of a Python function")
    home = "numpy"
    for name in ("numpy", "scipy.special", getattr(value, "__module__", None)):
        module = sys.modules.get(name or "")
        if module is not None and vars(module).get(value.__name__) is value:
            home = str(name)
            break
    return encoder.symbol(origin_of_module_name(home), home, value.__name__)


def _dispatched(encoder: CodeEncoder, value: Any) -> bytes:
    module = value.__module__ or "numpy"
    return encoder.symbol(origin_of_module_name(module), module, value.__qualname__)


def _generator(encoder: CodeEncoder, value: Any) -> bytes:
    bits = getattr(value, "bit_generator", None)
    state = value.get_state(legacy=False) if bits is None else bits.state
    return encoder.shared(value, lambda: b"@g" + text(type(value).__name__) + encoder.encode(state))


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
    **{(module, name): token for module, names in _TOKENS.items() for name in names.split()},
    ("threading", "Thread"): _running,
    ("random", "SystemRandom"): _without_state,
    ("random", "Random"): _random,
    ("array", "array"): _array,
    ("_struct", "Struct"): lambda encoder, value: b"@z" + encoder.encode(value.format),
    ("pathlib", "PurePath"): lambda _, value: b"p" + text(str(value)),
    **dict.fromkeys([("datetime", name) for name in ("datetime", "date", "time", "timedelta")], _moment),
    ("zoneinfo", "ZoneInfo"): _zone,
    ("pydantic_core", "TzInfo"): lambda encoder, value: b"@o" + encoder.encode(value.utcoffset(None)),
    ("decimal", "Decimal"): lambda encoder, value: b"@D" + encoder.encode(tuple(_decimal(value))),
    ("decimal", "Context"): lambda _, value: b"@C" + text(str(value)),
    ("numpy", "ufunc"): _ufunc,
    ("numpy", "_ArrayFunctionDispatcher"): _dispatched,
    ("numpy", "Generator"): _generator,
    ("numpy", "RandomState"): _generator,
    # Their other attributes are compiled from these, and differ from process to process.
    ("pydantic", "TypeAdapter"): codevalues.wrapping(b"@5", "_type", "_config"),
    ("pydantic", "ValidateCallWrapper"): codevalues.wrapping(b"@6", "function", "validate_return", "config_wrapper"),
}
"""By the root of the module and the name of the class, for it and what derives from it."""


def library_handler(cls: type) -> Callable[[Encoder, Any], bytes] | None:
    """Return how numpy's, pandas', polars' and pyarrow's values are encoded, if the type is one of them."""
    root = cls.__module__.partition(".")[0]
    name = "consist.hashing.arrays" if root == "numpy" else "consist.hashing.tables"
    found: Callable[[Encoder, Any], bytes] | None = importlib.import_module(name).handler_for(cls)
    return found
