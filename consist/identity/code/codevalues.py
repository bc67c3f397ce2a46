"""How code is encoded where a value leads to it: the project's by reference, everybody else's by name."""

from __future__ import annotations

import abc
import functools
import types
from typing import TYPE_CHECKING, Any

from consist.hashing.canonical import text
from consist.hashing.digest import Digest
from consist.identity.code import libraryvalues
from consist.identity.code.distributions import Kind, origin_of_module_name
from consist.identity.code.exposed import exposed
from consist.identity.code.instances import is_compiled
from consist.identity.code.instructions import code_facts
from consist.identity.code.intruders import home_of_decorated
from consist.identity.code.owners import is_a, is_own, module_label, origin_of, origin_of_class
from consist.identity.code.wrappers import without_copies

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from consist.identity.code.encoder import CodeEncoder

    Handler = Callable[[CodeEncoder, Any], bytes]


def own(encoder: CodeEncoder, value: Any) -> bytes:
    """Encode an object of consist: a token; round a user's function it is that, and what it says counts of itself.

    A step that other code reaches may be run there, so what was declared for its runs counts as a default would. An
    artifact or result is read there, so its content counts.
    """
    if type(value) is Digest:
        return b"@consist" + value.raw
    wrapped = getattr(value, "__wrapped__", None)
    if wrapped is not None:
        counted = getattr(value, "counted", None)
        return encoder.encode(wrapped) + (b"" if counted is None else b"@S" + encoder.encode(counted))
    if is_a(value, types.FunctionType, types.ModuleType):
        return b"@consist"
    # A project's subclass is code of the project; the state of its instances is consist's.
    cls = value if is_a(value, type) else type(value)
    named = b"@consist" + (b"" if _is_own_class(cls) else encoder.reference(cls))
    counted = None if cls is value else getattr(value, "counted", None)
    return named if counted is None else named + b"@S" + encoder.encode(counted)


def _is_own_class(cls: type) -> bool:
    return origin_of_class(cls).kind is Kind.CONSIST


def function(encoder: CodeEncoder, value: types.FunctionType) -> bytes:
    """Encode a function: the project's by reference; a library's by name, and what it closes over by reference."""
    if is_own(value):
        return own(encoder, value)
    if value.__code__.co_filename.startswith("<attrs generated"):
        # Follows from the class's attributes, which count; its hash method holds a number that differs by process.
        return b"@G" + text(value.__name__)
    if _is_single_dispatch(value):
        return _single_dispatch(encoder, value.registry)  # type: ignore[attr-defined] # `functools` gives it one
    origin = origin_of(value)
    if origin.kind is Kind.PROJECT:
        return encoder.reference(value)
    intruders = _intruders(encoder, value)
    is_decorated = bool(value.__closure__ or value.__dict__)
    is_wrapper = bool(value.__closure__ or "__wrapped__" in value.__dict__)  # a mere attribute may be the project's
    home = home_of_decorated(value) if is_wrapper else None
    if home is not None:
        return encoder.symbol(origin_of(home), home.__name__, value.__name__) + intruders + b"-"
    named = encoder.symbol(origin, module_label(value.__globals__), value.__code__.co_qualname)
    return named + intruders + (encoder.reference(value) if is_decorated else b"-")


def _intruders(encoder: CodeEncoder, value: Any) -> bytes:
    return encoder.attributes(encoder.sink.intruders(value))


def _is_single_dispatch(value: types.FunctionType) -> bool:
    return value.__globals__ is vars(functools) and value.__code__.co_qualname == "singledispatch.<locals>.wrapper"


def _single_dispatch(encoder: CodeEncoder, registry: Mapping[type, Any]) -> bytes:
    """Encode the functions for each class; in which order they were registered may tell only among abstract classes."""
    encoder.sink.also(registry)
    classes: Iterable[type] = list(registry)
    if sum(is_a(cls, abc.ABCMeta) for cls in classes) < 2:  # noqa: PLR2004 - one alone has no rival
        classes = encoder.sink.order(classes)
    return b"@D" + encoder.pairs(b"d", ((cls, registry[cls]) for cls in classes), keep_order=True)


def builtin(encoder: CodeEncoder, value: Any) -> bytes:
    """Encode a function written in C: by name, and what it is bound to."""
    bound = value.__self__
    if is_compiled(value):
        return libraryvalues.compiled(encoder, value)
    if bound is not None and not is_a(bound, types.ModuleType):
        shown = exposed(value)
        if shown is not None:
            return b"@h" + encoder.symbol(*shown) + _intruders(encoder, type(bound))
        return b"@b" + text(value.__name__) + encoder.encode(bound)
    module = value.__module__ or (vars(bound).get("__name__") if bound is not None else "") or ""
    return encoder.symbol(origin_of_module_name(module or "builtins"), str(module), value.__qualname__)


def descriptor(encoder: CodeEncoder, value: Any) -> bytes:
    """Encode a method or attribute of a type written in C, or a slot: by name and type."""
    owner = value.__objclass__
    named = text(owner.__qualname__) if origin_of_class(owner).kind is Kind.PROJECT else encoder.encode(owner)
    return b"@M" + named + text(value.__name__)


def method(encoder: CodeEncoder, value: types.MethodType) -> bytes:
    """Encode a bound method: function and instance; of an instance that a library keeps to itself, only its name."""
    if is_own(value.__func__) or is_own(value.__self__):
        return own(encoder, value.__func__)
    shown = exposed(value)
    if shown is not None:
        # The function as well: the project may have put one of its own there.
        parts = encoder.encode(value.__func__), _intruders(encoder, type(value.__self__))
        return b"@h" + encoder.symbol(*shown) + b"".join(parts)
    return b"@m" + encoder.encode(value.__func__) + encoder.encode(value.__self__)


def a_class(encoder: CodeEncoder, value: type) -> bytes:
    """Encode a class: the project's by reference, others by name."""
    if is_own(value):
        return own(encoder, value)
    origin = origin_of_class(value)
    if origin.kind is Kind.PROJECT:
        return encoder.reference(value)
    return encoder.symbol(origin, value.__module__, value.__qualname__) + _intruders(encoder, value)


def a_module(encoder: CodeEncoder, value: types.ModuleType) -> bytes:
    """Encode a module used as a value: all of it counts if it is the project's."""
    if is_own(value):
        return own(encoder, value)
    origin = origin_of(value)
    if origin.kind is Kind.PROJECT:
        return encoder.reference(value)
    return encoder.symbol(origin, value.__name__, "")


def code_object(_encoder: CodeEncoder, value: types.CodeType) -> bytes:
    """Encode a code object without what its names stand for: nothing says whose globals it will see."""
    return b"@c" + code_facts(value).body


def wrapping(tag: bytes, *names: str) -> Handler:
    """Encode an object that some of its attributes describe wholly."""

    def encode(encoder: CodeEncoder, value: Any) -> bytes:
        return tag + encoder.attributes((name, getattr(value, name, None)) for name in names)

    return encode


def lru_cache(encoder: CodeEncoder, value: Any) -> bytes:
    """Encode a cached function: the function, the size of its cache and its attributes, not what is in the cache."""
    attributes = without_copies(sorted(vars(value).items()), value.__wrapped__)
    own = [(name, held) for name, held in attributes if name not in _CACHED_NOISE]
    parameters = encoder.encode(dict(value.cache_parameters()))
    return encoder.shared(
        value, lambda: b"@l" + encoder.encode(value.__wrapped__) + parameters + encoder.attributes(own)
    )


_CACHED_NOISE = frozenset({"__wrapped__", "cache_parameters", "__signature__"})
"""What `functools` puts there."""


def partial(encoder: CodeEncoder, value: Any) -> bytes:
    """Encode a partial: function, arguments and attributes."""
    return encoder.shared(
        value,
        lambda: (
            b"@p"
            + encoder.encode(type(value))
            + encoder.encode(value.func)
            + encoder.items(b"t", value.args)
            + encoder.pairs(b"d", value.keywords.items(), keep_order=True)
            + encoder.attributes(without_copies(sorted(value.__dict__.items()), value.func))
        ),
    )
