"""How runs, results, artifacts and lineages look in a notebook: small HTML that needs nothing from elsewhere.

Names, configs and values come from whoever wrote the store: everything is escaped, here and nowhere else, and what is
no printable character is written as an escape sequence.
"""

from __future__ import annotations

import base64
from html import escape as escape_html
from typing import TYPE_CHECKING, Any

from consist.identity.names import escape
from consist.runs.formats.registry import IMAGES, described

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from consist.runs.artifact import Artifact
    from consist.runs.run import Run, RunResult

_SHOWN = 200
"""Characters of a value that are shown."""
_ROWS = 50
"""Runs of a set that are shown."""
_IMAGE_LIMIT = 2 << 20
"""Bytes of an image that is put into the notebook."""
_DIGITS = 12

_TABLE = '<table style="text-align: left; border-collapse: collapse">'
_PLAIN = "pre style='line-height: 1.3'"


def run_html(run: Run) -> str:
    """Return a run as a table of facts."""
    return _head(f"run {run.id[:_DIGITS]} of {run.step}", run.status) + _facts(_run_facts(run))


def result_html(result: RunResult) -> str:
    """Return a result: its run, whether it was found, and its outputs."""
    found = "found again" if result.cache_hit else "executed"
    outputs = "".join(_output_row(artifact) for artifact in result.outputs.values())
    head = _head(f"run {result.run.id[:_DIGITS]} of {result.run.step}", f"{result.run.status}, {found}")
    return f"{head}{_facts(_run_facts(result.run))}{_TABLE}{_header('output', 'is', 'size', 'digest')}{outputs}</table>"


def artifact_html(artifact: Artifact) -> str:
    """Return an artifact as a table of facts, and an image as what it shows."""
    facts = [
        ("format", described(artifact.format, artifact.record.media)),
        ("size", _size(artifact)),
        ("digest", artifact.digest.hex),
        ("url", artifact.url),
    ]
    return _head(f"artifact {artifact.key}", f"of run {artifact.run_id[:_DIGITS]}") + _facts(facts) + _image(artifact)


def runs_html(runs: Sequence[Run]) -> str:
    """Return runs as a table, a run a row."""
    rows = "".join(
        _row(
            run.id[:_DIGITS],
            run.step,
            run.status,
            f"{run.started_at:%Y-%m-%d %H:%M:%S}",
            f"{run.seconds:.3g} s",
            _mapping(run.config),
            _mapping(run.facet),
            ", ".join(run.tags),
        )
        for run in runs[:_ROWS]
    )
    header = _header("run", "step", "status", "started (UTC)", "took", "config", "facet", "tags")
    more = f"<p>and {len(runs) - _ROWS} more</p>" if len(runs) > _ROWS else ""
    return f"{_head(f'{len(runs)} runs', '')}{_TABLE}{header}{rows}</table>{more}"


def text_html(text: str) -> str:
    """Return text of several lines as it is."""
    return f"<{_PLAIN}>{_lines(text)}</pre>"


def _run_facts(run: Run) -> list[tuple[str, Any]]:
    facts: list[tuple[str, Any]] = [
        ("started", f"{run.started_at:%Y-%m-%d %H:%M:%S} UTC, took {run.seconds:.3g} s"),
        ("error", run.error),
        ("config", _mapping(run.config)),
        ("facet", _mapping(run.facet)),
        ("tags", ", ".join(run.tags)),
        ("inputs", ", ".join(f"{item.key} ({item.kind})" for item in run.record.inputs)),
        ("outputs", ", ".join(run.output_keys)),
        ("description", run.description),
    ]
    return [(name, value) for name, value in facts if value]


def _image(artifact: Artifact) -> str:
    kind = IMAGES.get(artifact.format)
    if kind is None or artifact.size > _IMAGE_LIMIT:
        return ""
    data = base64.b64encode(artifact.read_bytes()).decode("ascii")
    return f'<img alt="{_text(artifact.key)}" src="data:{kind};base64,{data}">'


def _output_row(artifact: Artifact) -> str:
    what = described(artifact.format, artifact.record.media)
    return _row(artifact.key, what, _size(artifact), artifact.digest.short)


def _size(artifact: Artifact) -> str:
    from consist.runs.artifact import human_size

    return human_size(artifact.size)


def _mapping(value: Any) -> str:
    if not isinstance(value, dict):
        return ""
    return ", ".join(f"{key}={item!r:.{_SHOWN}}" for key, item in value.items())


def _head(title: str, more: str) -> str:
    return f"<p><b>{_text(title)}</b> {_text(more)}</p>"


def _facts(facts: Iterable[tuple[str, Any]]) -> str:
    rows = "".join(f"<tr><th>{_text(name)}</th><td>{_text(value)}</td></tr>" for name, value in facts)
    return f"{_TABLE}{rows}</table>"


def _header(*names: str) -> str:
    return f"<tr>{''.join(f'<th>{_text(name)}</th>' for name in names)}</tr>"


def _row(*cells: str) -> str:
    return f"<tr>{''.join(f'<td>{_text(cell)}</td>' for cell in cells)}</tr>"


def _text(value: Any) -> str:
    text = str(value)
    return escape_html(escape(text if len(text) <= _SHOWN * 5 else text[: _SHOWN * 5 - 1] + "…"))


def _lines(text: str) -> str:
    return "\n".join(escape_html(escape(line)) for line in text.split("\n"))
