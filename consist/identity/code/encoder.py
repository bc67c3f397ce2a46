"""The part of the encoder that every handler needs: references, symbols, attributes; and where references go."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from consist.errors import UnencodableError
from consist.hashing.canonical import Encoder, text
from consist.identity.code.distributions import Kind, Origin, native_digest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from consist.identity.code.distributions import Distribution

HINT = (
    "pass it as an argument, make it inside the function, leave its value out with ignore=[…], "
    "or take the code's identity into your own hands with version="
)


class Sink(Protocol):
    """Where a value's references go: the walk, or a snapshot for the memo."""

    def node(self, value: Any) -> None:
        """Note a reference to a function, class or module."""

    def seen(self, value: Any) -> bool:
        """Note a mutable object; tell whether it was met before, in which case a reference was noted."""

    def order(self, values: Iterable[Any]) -> Iterable[Any]:
        """Put the elements of a set in an order that depends on their content only."""

    def distribution(self, distribution: Distribution) -> None:
        """Note that an installed distribution counts."""

    def notice(self, message: str) -> None:
        """Note a warning."""

    def read_by_library(self, value: Any) -> None:
        """Note that an installed package holds this, and may read its annotations."""

    def asks_for(self, texts: Iterable[str]) -> None:
        """Note texts by which attributes are asked for."""

    def also(self, value: Any) -> None:
        """Note what can change in place behind an object that cannot."""

    def intruders(self, value: Any) -> list[tuple[str, Any]]:
        """List what the project put into a library's function or class."""


class CodeEncoder(Encoder):
    """What the handlers of `codevalues` and `handlers` write with; `values.ValueEncoder` chooses among them.

    Parameters
    ----------
    sink : Sink
        Where references to functions, classes, modules and distributions go.
    lenient : bool
        What has no stable encoding counts by its type: for the private state of a library's wrapper.
    """

    def __init__(self, sink: Sink, *, lenient: bool = False) -> None:
        super().__init__(keep_order=True)
        self.sink = sink
        self.lenient = lenient

    def reference(self, value: Any) -> bytes:
        """Refer to a function, class or module that is walked as a node of its own."""
        self.sink.node(value)
        return b"@#"

    def shared(self, value: Any, encode: Callable[[], bytes]) -> bytes:
        """Encode a mutable object where it is met first, and refer to it from then on."""
        return b"@^" if self.sink.seen(value) else encode()

    def attributes(self, items: Iterable[tuple[str, Any]]) -> bytes:
        """Encode attributes: name and value, in the order given."""
        parts = []
        for name, value in items:
            try:
                parts.append(text(name) + self.encode(value))
            except UnencodableError as error:
                raise UnencodableError(error.message, hint=error.hint, path=f".{name}{error.path}") from None
        return b"@." + len(parts).to_bytes(4) + b"".join(parts)

    def symbol(self, origin: Origin, module: str, name: str) -> bytes:
        """Encode what somebody else wrote: by name, its distribution counting by version."""
        owner = b""
        if origin.distribution is not None:
            self.sink.distribution(origin.distribution)
        elif origin.kind is Kind.NATIVE:
            owner = native_digest(origin.file).raw
        return b"@S" + text(owner.hex()) + text(module) + text(name)

    def opaque(self, value: Any, why: str = "an object whose content Python cannot see") -> bytes:
        """Encode what cannot be encoded: by type if lenient, else not at all."""
        if self.lenient:
            return b"@O" + text(type(value).__qualname__)
        raise UnencodableError(f"{why} ({type(value).__qualname__}) has no stable encoding", hint=HINT)
