"""How runs, results, artifacts and lineages look in a notebook: small HTML that needs nothing from elsewhere.

Names, configs and values come from whoever wrote the store: everything is escaped, here and nowhere else, and what is
no printable character is written as an escape sequence.
"""

from __future__ import annotations

import base64
import datetime as dt
from html import escape as escape_html
from typing import TYPE_CHECKING, Any

from consist.errors import ConsistError
from consist.identity.names import escape
from consist.runs.formats.registry import IMAGES, described
from consist.runs.sizes import human_seconds, human_size

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from consist.index.records import ArtifactRecord, RunRecord

_SHOWN = 200
"""Characters of a config's value that are shown; of other text, five times as many."""
_ROWS = 50
"""Runs of a set that are shown."""
_IMAGE_LIMIT = 2 << 20
"""Bytes of an image that is put into the notebook."""
_DIGITS = 12

_TABLE = '<table style="text-align: left; border-spacing: 8px 2px">'


def run_html(run: RunRecord, tags: Iterable[str], *, found: str = "") -> str:
    """Return a run as tables: facts, inputs and outputs.

    Parameters
    ----------
    run : RunRecord
        The run.
    tags : iterable of str
        Its tags.
    found : str
        How a call came by it.
    """
    status = f"{run.status}, {found}" if found else run.status
    inputs = [(item.key, item.kind, human_size(item.size), item.digest.short, item.location) for item in run.inputs]
    outputs = [
        (item.key, described(item.format, item.media), human_size(item.content_size), item.digest.short)
        for item in run.outputs
    ]
    return "".join(
        (
            _head(f"run {run.id[:_DIGITS]} of {run.step}", status),
            _facts(_run_facts(run, tags)),
            _table(("input", "is", "size", "digest", "from"), inputs),
            _table(("output", "is", "size", "digest"), outputs),
        )
    )


def artifact_html(output: ArtifactRecord, run_id: str, read: Callable[[], bytes], shown: str = "") -> str:
    """Return an output as a table of facts, and an image as what it shows.

    Parameters
    ----------
    output : ArtifactRecord
        The output.
    run_id : str
        The run that made it.
    read : callable
        Returns its content.
    shown : str
        A small value, as text.
    """
    facts = [
        *([("value", shown)] if shown else []),
        ("format", described(output.format, output.media)),
        ("size", human_size(output.content_size)),
        ("digest", output.digest.hex),
        ("path", f"runs/{run_id}/{output.key}"),
    ]
    image = _image(output, read) if output.format in IMAGES and output.size <= _IMAGE_LIMIT else ""
    return _head(f"artifact {output.key}", f"of run {run_id[:_DIGITS]}") + _facts(facts) + image


def _image(output: ArtifactRecord, read: Callable[[], bytes]) -> str:
    """Return an image; if its content cannot be read, why not: what shows itself must not raise."""
    try:
        data = base64.b64encode(read()).decode("ascii")
    except ConsistError as error:
        return f"<p>{_text(str(error))}</p>"
    return f'<img alt="{_text(output.key)}" src="data:{IMAGES[output.format]};base64,{data}">'


def runs_html(runs: Sequence[tuple[RunRecord, Iterable[str]]]) -> str:
    """Return runs, each with its tags, as a table, a run a row."""
    rows = [
        (run.id[:_DIGITS], run.step, run.status, _time(run), _seconds(run), *_labels(run), ", ".join(tags))
        for run, tags in runs[:_ROWS]
    ]
    names = ("run", "step", "status", "started", "took", "config", "facet", "tags")
    more = f"<p>and {len(runs) - _ROWS} more</p>" if len(runs) > _ROWS else ""
    return _head(f"{len(runs)} runs", "") + _table(names, rows) + more


def text_html(text: str) -> str:
    """Return text of several lines as it is."""
    lines = "\n".join(escape_html(escape(line)) for line in text.split("\n"))
    return f'<pre style="line-height: 1.3">{lines}</pre>'


def _run_facts(run: RunRecord, tags: Iterable[str]) -> list[tuple[str, str]]:
    facts = [
        ("started", f"{_time(run)}, took {_seconds(run)}"),
        ("error", ": ".join(run.error)),
        ("config", _items(run.config)),
        ("facet", _items(run.facet)),
        ("tags", ", ".join(tags)),
        ("description", run.description),
        ("notes", "; ".join(run.notes)),
    ]
    return [(name, value) for name, value in facts if value]


def _labels(run: RunRecord) -> tuple[str, str]:
    return _items(run.config), _items(run.facet)


def _time(run: RunRecord) -> str:
    try:
        started = dt.datetime(1970, 1, 1, tzinfo=dt.UTC) + dt.timedelta(microseconds=run.started)
    except OverflowError:  # a record may hold any 63 bits
        return f"{run.started} µs after 1970"
    return f"{started:%Y-%m-%d %H:%M:%S} UTC"


def _seconds(run: RunRecord) -> str:
    return human_seconds((run.ended - run.started) / 1e6)


def _items(value: Any) -> str:
    return ", ".join(f"{key}={item!r:.{_SHOWN}}" for key, item in value.items()) if isinstance(value, dict) else ""


def _head(title: str, more: str) -> str:
    return f"<p><b>{_text(title)}</b> {_text(more)}</p>"


def _facts(facts: Iterable[tuple[str, str]]) -> str:
    rows = "".join(f"<tr><th>{_text(name)}</th><td>{_text(value)}</td></tr>" for name, value in facts)
    return f"{_TABLE}{rows}</table>"


def _table(names: Iterable[str], rows: Sequence[Iterable[str]]) -> str:
    if not rows:
        return ""
    head = "".join(f"<th>{_text(name)}</th>" for name in names)
    body = "".join(f"<tr>{''.join(f'<td>{_text(cell)}</td>' for cell in row)}</tr>" for row in rows)
    return f"{_TABLE}<tr>{head}</tr>{body}</table>"


def _text(text: str) -> str:
    most = _SHOWN * 5
    return escape_html(escape(text if len(text) <= most else text[: most - 1] + "…"))
