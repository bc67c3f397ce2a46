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
    from consist.runs.api import (
        define_step,
        log_artifact,
        log_dataframe,
        log_input,
        log_meta,
        log_output,
        run,
        scenario,
        start_run,
        trace,
    )
    from consist.runs.artifact import Artifact
    from consist.runs.capture import Capture
    from consist.runs.comparison import RunDiff
    from consist.runs.context import RunContext, current_run
    from consist.runs.coupler import Coupler
    from consist.runs.current import current_tracker, use_tracker
    from consist.runs.disabled import create_tracker
    from consist.runs.explanation import Explanation
    from consist.runs.formats.extensions import register_format
    from consist.runs.hooks import Hooks
    from consist.runs.lineage import Lineage
    from consist.runs.loading import load, load_df
    from consist.runs.options import CacheOptions, CodeOptions, ExecutionOptions, OutputPolicyOptions
    from consist.runs.run import Run, RunResult
    from consist.runs.runset import RunSet
    from consist.runs.scenario import Scenario
    from consist.runs.shell import exec  # noqa: A004, F401 - as shells call it; reached as `consist.exec` only
    from consist.runs.step import Step
    from consist.runs.tracker import Tracker
    from consist.store.conditions import at_least, at_most, between

_HOMES = {
    "Artifact": "consist.runs.artifact",
    "CacheOptions": "consist.runs.options",
    "Capture": "consist.runs.capture",
    "CodeIdentity": "consist.identity.code",
    "CodeOptions": "consist.runs.options",
    "ConsistError": "consist.errors",
    "ConsistWarning": "consist.errors",
    "Coupler": "consist.runs.coupler",
    "Difference": "consist.identity.explain",
    "Digest": "consist.hashing.digest",
    "ExecutionOptions": "consist.runs.options",
    "Explanation": "consist.runs.explanation",
    "Hooks": "consist.runs.hooks",
    "Lineage": "consist.runs.lineage",
    "OutputPolicyOptions": "consist.runs.options",
    "Run": "consist.runs.run",
    "RunContext": "consist.runs.context",
    "RunDiff": "consist.runs.comparison",
    "RunResult": "consist.runs.run",
    "RunSet": "consist.runs.runset",
    "Scenario": "consist.runs.scenario",
    "Step": "consist.runs.step",
    "Tracker": "consist.runs.tracker",
    "at_least": "consist.store.conditions",
    "at_most": "consist.store.conditions",
    "between": "consist.store.conditions",
    "code_identity": "consist.identity.code",
    "create_tracker": "consist.runs.disabled",
    "current_run": "consist.runs.context",
    "current_tracker": "consist.runs.current",
    "exec": "consist.runs.shell",
    "define_step": "consist.runs.api",
    "load": "consist.runs.loading",
    "load_df": "consist.runs.loading",
    "log_artifact": "consist.runs.api",
    "log_dataframe": "consist.runs.api",
    "log_input": "consist.runs.api",
    "log_meta": "consist.runs.api",
    "log_output": "consist.runs.api",
    "register_format": "consist.runs.formats.extensions",
    "run": "consist.runs.api",
    "scenario": "consist.runs.api",
    "start_run": "consist.runs.api",
    "trace": "consist.runs.api",
    "use_tracker": "consist.runs.current",
}

__all__ = [  # without `exec`, which `from consist import *` would put in the place of the builtin
    "Artifact",
    "CacheOptions",
    "Capture",
    "CodeIdentity",
    "CodeOptions",
    "ConsistError",
    "ConsistWarning",
    "Coupler",
    "Difference",
    "Digest",
    "ExecutionOptions",
    "Explanation",
    "Hooks",
    "Lineage",
    "OutputPolicyOptions",
    "Run",
    "RunContext",
    "RunDiff",
    "RunResult",
    "RunSet",
    "Scenario",
    "Step",
    "Tracker",
    "at_least",
    "at_most",
    "between",
    "code_identity",
    "create_tracker",
    "current_run",
    "current_tracker",
    "define_step",
    "load",
    "load_df",
    "log_artifact",
    "log_dataframe",
    "log_input",
    "log_meta",
    "log_output",
    "register_format",
    "run",
    "scenario",
    "start_run",
    "trace",
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
    return sorted({*globals(), *_HOMES})
