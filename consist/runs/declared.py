"""What a caller declared of a run's outputs, and what is done where the function did not keep to it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from consist.arguments import PATH, check_values, shown
from consist.errors import ConsistError, ConsistWarning, OutputError, warn
from consist.identity.names import check_name
from consist.runs.options import DEFAULT_OUTPUT_POLICY, ERROR, WARN, OutputPolicyOptions

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from consist.index.records import ArtifactRecord

MISSING, EXTRA, UNSTORED = "missing", "extra", "unstored"
"""What `Lacking` knows."""


class Declared(NamedTuple):
    """What outputs a caller declared.

    Attributes
    ----------
    keys : tuple of str
        Names of what is returned, in order; empty leaves them to the value.
    paths : tuple of (str, str)
        Names and paths of files and folders that the function writes by itself.
    policy : OutputPolicyOptions
        What to do about what was not made, or not declared, and about links in folders.
    """

    keys: tuple[str, ...] = ()
    paths: tuple[tuple[str, str], ...] = ()
    policy: OutputPolicyOptions = DEFAULT_OUTPUT_POLICY

    @property
    def path_keys(self) -> tuple[str, ...]:
        """The names of the files and folders."""
        return tuple([key for key, _ in self.paths]) if self.paths else ()

    @property
    def symlinks(self) -> str:
        """What to do about links in folders."""
        return self.policy.symlinks or "refuse"


NOTHING_DECLARED = Declared()


class Returned(NamedTuple):
    """A return value taken apart.

    Attributes
    ----------
    returns : str
        How it is put together again: ``none``, ``single``, ``dict`` or ``tuple``.
    values : tuple of (str, object)
        Its parts by key.
    """

    returns: str
    values: tuple[tuple[str, Any], ...]

    def absolute(self) -> Returned:
        """Make relative paths absolute, at once: after the next change of the working folder they lead elsewhere."""
        if not any(isinstance(value, Path) for _, value in self.values):
            return self
        values = ((key, value.absolute() if isinstance(value, Path) else value) for key, value in self.values)
        return Returned(self.returns, tuple(values))

    def together(self, values: Mapping[str, Any]) -> Any:
        """Put a return value together again from its parts, or others in their place."""
        parts = {key: values[key] for key, _ in self.values}
        if self.returns == "dict":
            return parts
        return tuple(parts.values()) if self.returns == "tuple" else next(iter(parts.values()), None)


class Lacking(NamedTuple):
    """An output that is not there to be recorded, and why.

    Attributes
    ----------
    kind : str
        `MISSING`: a declared output was not made. `EXTRA`: one was returned that was not declared. `UNSTORED`: it was
        made, and has no format or found no room in the store.
    error : ConsistError
        What there is to say.
    """

    kind: str
    error: ConsistError


def compared(returned: Returned, value: object, keys: tuple[str, ...]) -> Iterator[Lacking]:
    """Compare what was returned with the declared keys; yield what is missing, and what is too much.

    Parameters
    ----------
    returned : Returned
        The value, taken apart.
    value : object
        The value itself.
    keys : tuple of str
        Declared keys; none allow everything.
    """
    if not keys:
        return
    made = [key for key, _ in returned.values]
    missing = next((key for key in keys if key not in made), None)
    if missing is not None and returned.returns == "dict":
        yield Lacking(
            MISSING, OutputError(f"declared output {missing!r} was not returned", hint=f"returned are {made}")
        )
    elif missing is not None:
        yield Lacking(
            MISSING,
            OutputError(
                f"{len(keys)} outputs are declared, but the function returned {type(value).__name__}",
                hint="return a dict with these keys, or a tuple of that length",
            ),
        )
    extra = next((key for key in made if key not in keys), None)
    if extra is not None:
        yield Lacking(
            EXTRA,
            OutputError(f"output {extra!r} was returned, but not declared", hint=f"declared are {list(keys)}"),
        )


def settle(lacking: Lacking, policy: OutputPolicyOptions) -> None:
    """Do about a missing or undeclared output what the policy says.

    Raises
    ------
    OutputError
        If the policy is ``error``.
    """
    what = asked_of(policy, lacking)
    if what == ERROR:
        raise lacking.error
    if what == WARN:
        warn(str(lacking.error), ConsistWarning)


def refused(lacking: Iterable[Lacking], policy: OutputPolicyOptions) -> Lacking | None:
    """Return the first of them that is an error under a policy, if there is one."""
    return next((lack for lack in lacking if asked_of(policy, lack) == ERROR), None)


def asked_of(policy: OutputPolicyOptions, lacking: Lacking) -> str:
    """Return what a policy says of a missing or undeclared output."""
    return (policy.output_missing or ERROR) if lacking.kind == MISSING else (policy.output_mismatch or WARN)


def compared_with_found(outputs: tuple[ArtifactRecord, ...], declared: Declared) -> Iterator[Lacking]:
    """Compare what a recorded run made with what is declared now: the policy then may have let pass what this does not.

    Parameters
    ----------
    outputs : tuple of ArtifactRecord
        What it made.
    declared : Declared
        Keys or paths, or both.
    """
    made = {output.key for output in outputs}
    missing = next((key for key in (*declared.keys, *declared.path_keys) if key not in made), None)
    if missing is not None:
        yield Lacking(MISSING, OutputError(f"the run that was found did not make declared output {missing!r}"))
    if not made.issubset((*declared.keys, *declared.path_keys)):
        yield from _extra_in_found(outputs, declared.keys)


def _extra_in_found(outputs: tuple[ArtifactRecord, ...], keys: tuple[str, ...]) -> Iterator[Lacking]:
    """Yield an output that was returned and not declared; as in a call, what was logged need not be returned."""
    logged = {output.key for output in outputs if output.media.get("logged")}
    returned = [output.key for output in outputs if output.key not in logged and not output.media.get("declared_path")]
    extra = next((key for key in returned if key not in keys), None)
    if extra is not None and not logged.issuperset(keys):
        error = OutputError(
            f"the run that was found returned output {extra!r}, which is not declared",
            hint=f"declared are {list(keys)}",
        )
        yield Lacking(EXTRA, error)


def declare(outputs: object, output_paths: Any, policy: OutputPolicyOptions = DEFAULT_OUTPUT_POLICY) -> Declared:
    """Check what a caller declared."""
    if outputs is None and output_paths is None and policy is DEFAULT_OUTPUT_POLICY:
        return NOTHING_DECLARED  # as on most hits
    keys = () if outputs is None else tuple(check_name("output", key) for key in _sequence(outputs))
    if len(set(keys)) < len(keys):
        raise OutputError(f"an output is declared twice: {list(keys)}")
    if output_paths is None:
        return Declared(keys, policy=policy)
    check_values("output_paths", output_paths, PATH, error=OutputError)
    paths = tuple((check_name("output", key), os.fspath(path)) for key, path in output_paths.items())
    twice = next((key for key, _ in paths if key in keys), None)
    if twice is not None:
        raise OutputError(f"output {twice!r} is in outputs and in output_paths", hint="name them differently")
    return Declared(keys, paths, policy)


def _sequence(outputs: object) -> list[Any]:
    if isinstance(outputs, str) or not isinstance(outputs, (list, tuple)):
        raise OutputError(f"outputs is {shown(outputs)}", hint='give a list of names, such as ["table"]')
    return list(outputs)
