"""How values of the standard library are encoded: the functions behind the tables of `handlers`."""

from __future__ import annotations

import io
import sys
import typing
from _thread import _local
from typing import TYPE_CHECKING, Any

from consist.hashing.canonical import blob, text
from consist.identity.code.atoms import is_atom
from consist.identity.code.uses import texts_in

if TYPE_CHECKING:
    import contextvars

    from consist.identity.code.encoder import CodeEncoder

_VARIANCE = ("__covariant__", "__contravariant__", "__infer_variance__")


def token(encoder: CodeEncoder, value: Any) -> bytes:
    """Encode by type alone: locks, loggers and the like, which do not decide what a function returns."""
    del encoder
    return b"@t" + text(type(value).__qualname__)


def getter(encoder: CodeEncoder, value: Any) -> bytes:
    """Encode one of `operator`'s getters, whose content only ``__reduce__`` gives; they are no user's to change."""
    # With keywords a method caller says that it is a partial of its class, which has everything.
    made_of = value.__reduce__()
    encoder.sink.asks_for(texts_in((made_of[1], getattr(made_of[0], "args", ()))))
    return b"@r" + text(type(value).__qualname__) + encoder.encode(made_of)


def generic_alias(encoder: CodeEncoder, value: Any) -> bytes:
    """Encode ``list[int]`` and the like: what it is made of."""
    return b"@a" + encoder.encode(typing.get_origin(value)) + encoder.encode(typing.get_args(value))


def type_variable(encoder: CodeEncoder, value: Any) -> bytes:
    """Encode a type variable by its name, its variance and what it may be, which pydantic's generic models go by."""
    variance = bytes(bool(getattr(value, name, False)) for name in _VARIANCE)
    allowed = (getattr(value, "__bound__", None), *getattr(value, "__constraints__", ()))
    given = [value.__default__] if hasattr(value, "__default__") else []
    defaults = [found for found in given if type(found).__name__ != "NoDefaultType"]
    return b"@v" + text(value.__name__) + variance + encoder.items(b"t", allowed) + encoder.items(b"t", defaults)


def special_form(_encoder: CodeEncoder, value: Any) -> bytes:
    """Encode ``typing.Any`` and the like by what they are called."""
    return b"@f" + text(str(value))


def random_generator(encoder: CodeEncoder, value: Any) -> bytes:
    """Encode a generator of random numbers by its state; the one behind ``random.random`` counts as that does."""
    import random

    if value is vars(random).get("_inst"):
        encoder.sink.notice("draws random numbers (from Python's own generator)")
        return token(encoder, value)
    return encoder.shared(value, lambda: b"@R" + encoder.encode(random.Random.getstate(value)))


def system_random(encoder: CodeEncoder, value: Any) -> bytes:
    """Encode by type alone, as a token; but the attributes of a project's subclass count."""
    return token(encoder, value)


def stream(encoder: CodeEncoder, value: Any) -> bytes:
    """Encode the standard streams by name; no other open file has an encoding."""
    names = ("stdin", "stdout", "stderr")
    for name in names:
        if value is getattr(sys, name) or value is getattr(sys, f"__{name}__"):
            return b"@t" + text(name)
    return encoder.opaque(value, "an open file")


def buffer(encoder: CodeEncoder, value: Any) -> bytes:
    """Encode a file in memory: content and position."""
    base: Any = io.BytesIO if issubclass(type(value), io.BytesIO) else io.StringIO
    return b"@i" + encoder.encode(base.getvalue(value)) + encoder.encode(base.tell(value))


def environment(encoder: CodeEncoder, value: Any) -> bytes:
    """Encode nothing of the environment, and say so."""
    encoder.sink.notice("reads the environment (os.environ), which is not part of the identity")
    return token(encoder, value)


def bare_object(encoder: CodeEncoder, value: object) -> bytes:
    """Encode an ``object()``, which is itself and nothing else."""
    return encoder.shared(value, lambda: b"@u")


def memory(encoder: CodeEncoder, value: memoryview) -> bytes:
    """Encode a view of memory by what it shows."""
    return b"@y" + encoder.encode((value.format, value.shape)) + blob(b"b", value.tobytes())


def array_of_numbers(encoder: CodeEncoder, value: Any) -> bytes:
    """Encode an array of the standard library."""
    from array import array

    code = array.typecode.__get__(value)
    return encoder.shared(value, lambda: b"@A" + text(code) + blob(b"b", array.tobytes(value)))


def context_variable(encoder: CodeEncoder, value: contextvars.ContextVar[Any]) -> bytes:
    """Encode a context variable: what it holds in this context."""
    try:
        return b"@x" + text(value.name) + encoder.encode(value.get())
    except LookupError:
        return b"@x" + text(value.name) + b"-"


def thread_local(encoder: CodeEncoder, value: Any) -> bytes:
    """Encode what this thread sees in it; a getter of C finds that, and not the object's own attribute access."""
    return encoder.shared(
        value, lambda: b"@T" + encoder.attributes(sorted(_local.__getattribute__(value, "__dict__").items()))
    )


def running(encoder: CodeEncoder, value: Any) -> bytes:
    """Refuse a generator, coroutine or thread."""
    return encoder.opaque(value, "something that runs or is used up")


def moment(encoder: CodeEncoder, value: Any) -> bytes:
    """Encode what a subclass of a date or time holds, as the base itself gives it and not the subclass."""
    base: Any = next(base for base in type(value).__mro__ if is_atom(base))
    reduced = base.__reduce_ex__(value, 4) if "__reduce_ex__" in vars(base) else base.__reduce__(value)
    return b"@9" + text(base.__name__) + encoder.encode(reduced[1])


def zone(encoder: CodeEncoder, value: Any) -> bytes:
    """Encode a subclass of ``ZoneInfo`` by its key; one that was read from a file does not say what is in it."""
    from zoneinfo import ZoneInfo

    key = ZoneInfo.key.__get__(value)
    return encoder.opaque(value, "a time zone without a name") if key is None else b"@Z" + text(key)


def decimal_parts(value: Any) -> Any:
    """Return what a decimal is made of."""
    from decimal import Decimal

    return Decimal.as_tuple(value)


def decimal_context(_encoder: CodeEncoder, value: Any) -> bytes:
    """Encode a decimal context by how it calculates, and not by what it noticed so far."""
    from decimal import Context

    plain = Context.copy(value)
    Context.clear_flags(plain)
    return b"@C" + text(str(plain))


def cell(encoder: CodeEncoder, value: Any) -> bytes:
    """Encode a variable of an enclosing function."""
    try:
        return b"@e" + encoder.encode(value.cell_contents)
    except ValueError:
        return b"@e"
