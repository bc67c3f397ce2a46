"""The JSON documents: what ``--json`` prints, as ``docs/reference/json.md`` describes it. A name here is a promise."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from consist.cli.text import iso_time
from consist.index.outline import is_uncached
from consist.runs.readable import json_ready
from consist.store.lookup import forgettings

if TYPE_CHECKING:
    from collections.abc import Mapping

    from consist.hashing.digest import Digest
    from consist.identity.explain import Difference
    from consist.index.marks import Mark
    from consist.index.outline import Outline
    from consist.index.records import ArtifactRecord, ContractRecord, InputRecord, RunRecord
    from consist.store.listing import Entry
    from consist.store.store import Store


def head(verb: str) -> dict[str, Any]:
    """Return the member that every document begins with: which shape it has, and its version."""
    return {"shape": f"consist.{verb}.v1"}


def run_line(store: Store, record: RunRecord) -> dict[str, Any]:
    """Return a run as lists have it."""
    return {
        "run_id": record.id,
        "model": record.step,
        "kind": record.kind,
        "status": record.status,
        "uncached": is_uncached(record),
        "started": iso_time(record.started),
        "ended": iso_time(record.ended),
        "execution_time": seconds_of(record),
        "hits": store.index.hits(record.id).count,
        "tags": list(store.index.tags_of(record)),
        "signature": _hex(record.signature),
        "forgotten": [forgetting(mark) for mark in forgettings(store, record)],
    }


def forgetting(mark: Mark) -> dict[str, Any]:
    """Return one time that somebody said of a run that its result is wrong."""
    return {"reason": mark.text, "time": iso_time(mark.at)}


def listed_run(store: Store, record: RunRecord, columns: dict[str, Any]) -> dict[str, Any]:
    """Return a run as `runs` lists it, with the columns that were asked for."""
    pins = [mark.text for mark in store.index.marks(record.id, "pin")]
    return {**run_line(store, record), "pins": pins, "with": columns}


def run_in_full(store: Store, record: RunRecord) -> dict[str, Any]:
    """Return a run as `show` shows it."""
    last_hit = store.index.hits(record.id).last
    return {
        **run_line(store, record),
        "last_hit": iso_time(last_hit) if last_hit else None,
        "pins": [mark.text for mark in store.index.marks(record.id, "pin")],
        "description": record.description,
        "parent": record.parent or None,
        "found_in": [parent for parent in store.index.parents(record.id) if parent != record.parent],
        "config": json_ready(record.config),
        "facet": json_ready(record.facet),
        "meta": json_ready(record.meta),
        "inputs": [_input(item) for item in record.inputs],
        "asked_for": list(record.asked),
        "outputs": [output(item) for item in record.outputs],
        "returns": record.returns,
        "error": dict(zip(("type", "message"), record.error, strict=False)) or None,
        "notes": list(record.notes),
        "parts": _digests(record.parts),
        "code": _digests(record.code),
        "machine": json_ready(record.machine),
        "contract": _contract(record.contract),
    }


def output(item: ArtifactRecord) -> dict[str, Any]:
    """Return an output of a run."""
    return {
        "key": item.key,
        "digest": item.digest.hex,
        "size": item.content_size,
        "format": item.format,
        "stored": "object" if item.inline is None else "inline",
        "media": json_ready(item.media),
    }


def difference(item: Difference) -> dict[str, Any]:
    """Return one thing that two runs differ in."""
    return {
        "part": item.part,
        "kind": item.kind,
        "name": item.name,
        "change": item.change,
        "before": json_ready(item.before),
        "after": json_ready(item.after),
        "text": str(item),
    }


def entry(item: Entry) -> dict[str, Any]:
    """Return a line of `ls`."""
    return {
        "name": item.name,
        "path": item.path,
        "kind": item.kind,
        "size": item.size,
        "digest": _hex(item.digest),
        "format": item.format,
        "stored": item.stored,
        "time": None if item.time is None else iso_time(item.time),
    }


def seconds_of(record: RunRecord | Outline) -> float:
    """Return how long a run took."""
    return (record.ended - record.started) / 1e6


def _input(item: InputRecord) -> dict[str, Any]:
    return {
        "key": item.key,
        "kind": item.kind,
        "digest": item.digest.hex,
        "size": item.size,
        "location": item.location,
    }


def _contract(contract: ContractRecord) -> dict[str, Any]:
    return {"outputs": list(contract.outputs), "paths": list(contract.paths), "inputs": dict(contract.inputs)}


def _digests(digests: Mapping[str, Digest]) -> dict[str, str]:
    return {name: digest.hex for name, digest in digests.items()}


def _hex(digest: Digest | None) -> str | None:
    return None if digest is None else digest.hex
