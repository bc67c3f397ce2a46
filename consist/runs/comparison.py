"""`RunDiff`: in what two runs differ: what went in, by ``identity/explain.py``; and what came out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from consist.identity.explain import Difference, differences
from consist.identity.names import escape
from consist.runs.formats.registry import described, plain_in
from consist.runs.sizes import human_seconds, human_size

if TYPE_CHECKING:
    from collections.abc import Callable

    from consist.index.records import ArtifactRecord
    from consist.runs.run import Run

_DIGITS = 12
_SMALL = 64
"""Bytes of a plain value that is shown as it is: a number, a word, a short list."""
_PARTS = ("code", "config", "inputs", "contract")


class OutputDifference(NamedTuple):
    """An output that two runs do not share. As text, it is a line to read.

    Attributes
    ----------
    key : str
        Its name.
    before, after : ArtifactRecord or None
        What each run made under it; None if it made nothing.
    """

    key: str
    before: ArtifactRecord | None
    after: ArtifactRecord | None

    def __str__(self) -> str:
        if self.before is None or self.after is None:
            return escape(f"output {self.key}: only in the {'second' if self.before is None else 'first'}")
        one, other = told(self.before, self.after, repr) or (_shown(self.before), _shown(self.after))
        return escape(f"output {self.key}: {one} -> {other}")


@dataclass(frozen=True, slots=True)
class RunDiff:
    """In what two runs differ. Printed, it is text for people.

    Attributes
    ----------
    a, b : Run
        The runs.
    differences : tuple of Difference
        What differs in step, code, config, inputs and contract, as an `Explanation` has it.
    outputs : tuple of OutputDifference
        What differs in what they made, by content.
    """

    a: Run
    b: Run
    differences: tuple[Difference, ...]
    outputs: tuple[OutputDifference, ...]

    @property
    def same_outputs(self) -> bool:
        """Whether both made the same: the same content under the same names."""
        return not self.outputs

    @property
    def asked(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Ids of the runs that only the first one's function asked for, and of those that only the second one's did."""
        before, after = self.a.record.asked, self.b.record.asked
        return tuple(run for run in before if run not in after), tuple(run for run in after if run not in before)

    def _compared(self) -> list[str]:
        """Name the parts that both runs have: a block has no code, and a disabled tracker looks at config alone."""
        return [part for part in _PARTS if part in self.a.record.parts and part in self.b.record.parts]

    def __str__(self) -> str:
        head = escape(f"run {self.a.id[:_DIGITS]} of {self.a.step!r} -> run {self.b.id[:_DIGITS]} of {self.b.step!r}")
        lines = [*map(str, self.differences)] or [f"the same {_listed(self._compared())}"]
        if unknown := [part for part in _PARTS if part not in self._compared()]:
            lines.append(f"not compared, since not both have it: {_listed(unknown)}")
        if self.a.status != self.b.status:
            lines.append(f"status: {escape(self.a.status)} -> {escape(self.b.status)}")
        for which, runs in zip(("first", "second"), self.asked, strict=True):
            lines += [f"asked for run {run_id[:_DIGITS]}: only in the {which}" for run_id in runs]
        lines += [*map(str, self.outputs)] or ["the same outputs"]
        lines.append(f"time: {human_seconds(self.a.seconds)} -> {human_seconds(self.b.seconds)}")
        return "\n  ".join((f"{head}:", *lines))

    def _repr_html_(self) -> str:
        from consist.runs.html import text_html

        return text_html(str(self))


def compare_runs(a: Run, b: Run) -> RunDiff:
    """Compare two runs; the records are all that is needed, no content is read."""
    before = {output.key: output for output in a.record.outputs}
    after = {output.key: output for output in b.record.outputs}
    outputs = tuple(
        OutputDifference(key, before.get(key), after.get(key))
        for key in dict.fromkeys((*before, *after))
        if _content(before.get(key)) != _content(after.get(key))
    )
    return RunDiff(a, b, differences(a.record, b.record), outputs)


def told(
    before: ArtifactRecord | None, after: ArtifactRecord | None, text: Callable[[Any], str]
) -> tuple[str | None, str | None] | None:
    """Return two outputs as the values that they are, if those are plain and small; None if that tells nothing.

    Parameters
    ----------
    before, after : ArtifactRecord or None
        The outputs; None for one that there is not.
    text : callable
        Makes text of a value.
    """
    values = [None if side is None else _small(side) for side in (before, after)]
    if any(side is not None and value is None for side, value in zip((before, after), values, strict=True)):
        return None
    one, other = (None if value is None else text(value[0]) for value in values)
    return None if one == other else (one, other)


def _small(output: ArtifactRecord) -> tuple[Any] | None:
    return plain_in(output) if output.content_size <= _SMALL else None


def _content(output: ArtifactRecord | None) -> tuple[object, str] | None:
    return None if output is None else (output.digest, output.format)


def _listed(names: list[str]) -> str:
    *most, last = names or ["step"]
    return f"{', '.join(most)} and {last}" if most else last


def _shown(output: ArtifactRecord) -> str:
    return f"{described(output.format, output.media)}, {human_size(output.content_size)}, {output.digest.short}"
