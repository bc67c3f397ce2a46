"""`Unbegun`: a ``with`` block that has not begun. Used as if it had, it says how to begin it."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, TypeVar

from consist.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

T = TypeVar("T")


class Unbegun(AbstractContextManager[T]):
    """What a ``with`` statement takes, and nothing else can be done with.

    Parameters
    ----------
    block : context manager
        What is entered; one that `contextlib.contextmanager` made, which decorates functions as well.
    called : str
        How it was made, for messages: ``trace('report')``.
    gives : object
        What the block gives, or its class: whoever asks for an attribute of that has forgotten the ``with``.
    """

    def __init__(self, block: Any, called: str, gives: object) -> None:
        self._block = block
        self._called = called
        self._gives = gives
        self._begun = False

    def __enter__(self) -> T:
        if self._begun:
            raise UsageError(f"the block of {self._called} began already", hint="call it again for another one")
        self._begun = True
        return self._block.__enter__()  # type: ignore[no-any-return]  # as the block's maker promises

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool | None:
        return self._block.__exit__(kind, error, trace)  # type: ignore[no-any-return]  # the same

    def __call__(self, fn: Callable[..., Any]) -> Callable[..., Any]:
        """Decorate a function, whose every call is such a block then."""
        return self._block(fn)  # type: ignore[no-any-return]  # the same

    def __getattr__(self, name: str) -> Any:
        if not name.startswith("_") and hasattr(self._gives, name):
            raise UsageError(
                f"{self._called} has no {name} before its block begins",
                hint=f"write `with {self._called} as it:`, and it.{name} in the block",
            )
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
