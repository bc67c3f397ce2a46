"""`Coupler`: what the steps of a scenario hand on, by name. The coupling between the cars of a train."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from consist.arguments import shown
from consist.errors import ConsistWarning, InputError, OutputError, OutputNotFoundError, UsageError, warn
from consist.identity.names import check_name
from consist.runs.artifact import Artifact
from consist.runs.inputs import name_of
from consist.runs.outputs import Outputs

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_STEPS_SHOWN = 20


class Coupler:
    """The artifacts of a scenario by key: the last output that a step made under it, or what `set` put there.

    Each method may be called from any thread.

    Parameters
    ----------
    scenario : str
        The scenario's name, for messages.
    """

    def __init__(self, scenario: str) -> None:
        self._scenario = scenario
        self._artifacts: dict[str, Artifact] = {}
        self._steps: dict[str, tuple[str, ...]] = {}
        self._unstored: dict[str, str] = {}
        self._made_by: dict[str, str] = {}
        self._replaced: dict[str, tuple[str, str]] = {}

    def require(self, key: str) -> Artifact:
        """Return the artifact under a key.

        Raises
        ------
        OutputNotFoundError
            If there is none; also a KeyError. The message says what is called like it, and which steps made what.
        """
        found = self._artifacts.get(key)
        if found is None:
            raise OutputNotFoundError(f"scenario {self._scenario!r} has no {key!r:.60}", hint=self._hint([key]))
        self._note_read(key)
        return found

    def get(self, key: str, default: Artifact | None = None) -> Artifact | None:
        """Return the artifact under a key, or `default`."""
        self._note_read(key)
        return self._artifacts.get(key, default)

    def set(self, key: str, artifact: Artifact) -> None:
        """Put an artifact under a key, such as an output of a run outside of the scenario; it takes another's place.

        Raises
        ------
        UsageError
            If it is no artifact, or the key cannot be a name.
        """
        if not isinstance(artifact, Artifact):
            raise UsageError(
                f"{shown(artifact)} is no artifact",
                hint="log it (scenario.log_output(path), scenario.log_artifact(value, key=…)), and it is here too",
            )
        self._artifacts[check_name("output", key)] = artifact
        self._made_by.pop(key, None)
        self._replaced.pop(key, None)

    @property
    def counted(self) -> tuple[Any, ...]:
        """What counts of it as code, where a step finds it in a global: what it holds now."""
        return ("coupler", *self._artifacts.items())

    def keys(self) -> list[str]:
        """Return the keys, in the order in which they came."""
        return list(self._artifacts)

    def items(self) -> list[tuple[str, Artifact]]:
        """Return keys and artifacts."""
        return list(self._artifacts.items())

    def __getitem__(self, key: str) -> Artifact:
        """Return the artifact under a key, as `require` does."""
        return self.require(key)

    def __setitem__(self, key: str, artifact: Artifact) -> None:
        """Put an artifact under a key, as `set` does."""
        self.set(key, artifact)

    def __iter__(self) -> Iterator[str]:
        return iter(self.keys())

    def __contains__(self, key: object) -> bool:
        return key in self._artifacts

    def __len__(self) -> int:
        return len(self._artifacts)

    def __repr__(self) -> str:
        return f"<Coupler {', '.join(self._artifacts) or 'empty'}>"

    def take(self, step: str, outputs: Mapping[str, Artifact]) -> None:
        """Put the outputs of a step in, and remember that it ran, and whose outputs nobody had read by then."""
        for key in outputs:
            other = self._made_by.get(key)
            self._made_by[key] = step
            if other not in {None, step}:
                self._replaced[key] = (str(other), step)
        self._artifacts.update(outputs)
        lost = outputs.unstored if isinstance(outputs, Outputs) else {}
        self._unstored.update(
            {key: f"output {key!r} of step {step!r} could not be stored: {lost[key]}" for key in lost}
        )
        made = (*outputs, *(f"{key}, not stored" for key in lost))
        self._steps[step] = tuple(dict.fromkeys((*self._steps.get(step, ()), *made)))

    def check(self, required: Sequence[str]) -> None:
        """Refuse an end at which something required is not there.

        Raises
        ------
        OutputError
            It names all that is missing.
        """
        missing = [key for key in required if key not in self._artifacts]
        if missing:
            raise OutputError(
                f"scenario {self._scenario!r} ended without {', '.join(map(repr, missing))}", hint=self._hint(missing)
            )

    def places(self) -> dict[str, str]:
        """Return where each artifact lies: ``runs/<run id>/<key>``."""
        return {key: f"runs/{artifact.run_id}/{artifact.key}" for key, artifact in self.items()}

    def resolve(self, inputs: Any) -> Any:
        """Return inputs with artifacts in the place of the keys that a list has; anything else is as it was."""
        if isinstance(inputs, Mapping):
            self._refuse_keys(inputs)
        self._note_given(inputs.values() if isinstance(inputs, Mapping) else inputs)
        if not isinstance(inputs, (list, tuple)) or not any(isinstance(item, str) for item in inputs):
            return inputs
        named: dict[str, Any] = {}
        for item in inputs:
            name = item if isinstance(item, str) else name_of(item)
            if name in named:
                raise UsageError(f"two inputs would be called {name!r}", hint="give inputs as a mapping, with names")
            named[name] = self._input(item) if isinstance(item, str) else item
        return named

    def resolve_declared(self, inputs: Any) -> Any:
        """Return the same of what a step declared, but a text may be a file's, as where it runs in no scenario."""
        if isinstance(inputs, (list, tuple)):
            inputs = [
                Path(item) if isinstance(item, str) and item not in self and os.path.lexists(item) else item
                for item in inputs
            ]
        return self.resolve(inputs)

    def _note_read(self, key: str) -> None:
        """Warn of a key under which one step's output was put over another's that nobody had read."""
        self._made_by.pop(key, None)
        steps = self._replaced.pop(key, None)
        if steps is not None:
            warn(
                f"scenario {self._scenario!r}: {key!r} is what step {steps[1]!r} made, and took the place of what step"
                f" {steps[0]!r} made under this key, which nobody had read (give them keys of their own: outputs=[…])",
                ConsistWarning,
            )

    def _note_given(self, items: Any) -> None:
        """Take artifacts that a step is given as such for read, as if it had asked for their keys."""
        given = [item for item in items if isinstance(item, Artifact)] if isinstance(items, Iterable) else []
        for key, artifact in self.items() if given else ():
            if any(artifact is item for item in given):
                self._made_by.pop(key, None)

    def _refuse_keys(self, inputs: Mapping[str, Any]) -> None:
        """Refuse a text in a mapping that is no path and a key here; in a mapping each text is a path."""
        for name, item in inputs.items():
            if isinstance(item, str) and item in self and not os.path.lexists(item):
                raise InputError(
                    f"input {name!r:.80}: there is no file {item!r:.80}, but the scenario has an artifact of that key",
                    hint=f"inputs={{{name!r:.80}: scenario.coupler[{item!r:.80}]}}, or inputs=[{item!r:.80}]",
                )

    def _input(self, key: str) -> Artifact:
        try:
            return self.require(key)
        except OutputNotFoundError as error:
            raise OutputNotFoundError(
                error.message, hint=f"{error.hint}; in a list a text is a key: give a file as a Path"
            ) from None

    def _hint(self, missing: Sequence[str]) -> str:
        import difflib

        lost = [self._unstored[key] for key in missing if key in self._unstored]
        near = [name for key in missing for name in difflib.get_close_matches(str(key), self._artifacts, n=2)]
        said = [f"is it {' or '.join(map(repr, dict.fromkeys(near)))}?"] if near else []
        steps = list(self._steps.items())
        ran = ", ".join(f"{step} ({', '.join(keys) or 'no outputs'})" for step, keys in steps[-_STEPS_SHOWN:])
        return "; ".join([*lost, *said, f"steps that ran: {ran}" if ran else "no step has run yet"])
