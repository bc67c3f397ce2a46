"""Runs a Python function once and never again for the same code, config and inputs.

The public names load when they are first used: ``import consist`` itself imports nothing heavy.
"""

from __future__ import annotations

from consist.version import VERSION

__version__ = VERSION

TYPE_CHECKING = False  # typing's own takes 10 ms to import, as long as a bare start; checkers know the name

if TYPE_CHECKING:
    from typing import Any

    from consist.errors import ConsistError, ConsistWarning
    from consist.hashing.digest import Digest
    from consist.identity.code import CodeIdentity, code_identity
    from consist.identity.explain import Difference
    from consist.runs.api import define_step, run
    from consist.runs.artifact import Artifact
    from consist.runs.context import RunContext
    from consist.runs.current import current_tracker, use_tracker
    from consist.runs.disabled import create_tracker
    from consist.runs.explanation import Explanation
    from consist.runs.hooks import Hooks
    from consist.runs.options import CacheOptions, CodeOptions, ExecutionOptions, OutputPolicyOptions
    from consist.runs.run import Run, RunResult
    from consist.runs.step import Step
    from consist.runs.tracker import Tracker

_HOMES = {
    "Artifact": "consist.runs.artifact",
    "CacheOptions": "consist.runs.options",
    "CodeIdentity": "consist.identity.code",
    "CodeOptions": "consist.runs.options",
    "ConsistError": "consist.errors",
    "ConsistWarning": "consist.errors",
    "Difference": "consist.identity.explain",
    "Digest": "consist.hashing.digest",
    "ExecutionOptions": "consist.runs.options",
    "Explanation": "consist.runs.explanation",
    "Hooks": "consist.runs.hooks",
    "OutputPolicyOptions": "consist.runs.options",
    "Run": "consist.runs.run",
    "RunContext": "consist.runs.context",
    "RunResult": "consist.runs.run",
    "Step": "consist.runs.step",
    "Tracker": "consist.runs.tracker",
    "code_identity": "consist.identity.code",
    "create_tracker": "consist.runs.disabled",
    "current_tracker": "consist.runs.current",
    "define_step": "consist.runs.api",
    "run": "consist.runs.api",
    "use_tracker": "consist.runs.current",
}

__all__ = [
    "Artifact",
    "CacheOptions",
    "CodeIdentity",
    "CodeOptions",
    "ConsistError",
    "ConsistWarning",
    "Difference",
    "Digest",
    "ExecutionOptions",
    "Explanation",
    "Hooks",
    "OutputPolicyOptions",
    "Run",
    "RunContext",
    "RunResult",
    "Step",
    "Tracker",
    "code_identity",
    "create_tracker",
    "current_tracker",
    "define_step",
    "run",
    "use_tracker",
]


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'consist' has no attribute {name!r}")
    import importlib

    value = getattr(importlib.import_module(home), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
