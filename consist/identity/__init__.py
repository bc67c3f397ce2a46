"""What enters a signature: code, config and inputs, each with a manifest that explains a miss. No store, no index."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from consist.identity.code import CodeIdentity, code_identity

__all__ = ["CodeIdentity", "code_identity"]


def __getattr__(name: str) -> Any:
    """Load code identity when it is first asked for: configs and inputs do without it."""
    if name in __all__:
        import importlib

        return getattr(importlib.import_module("consist.identity.code"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
