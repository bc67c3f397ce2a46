"""What people say of a run after it was recorded: tags, pins, and that its result is wrong.

A record is never changed. Each of these is an event in the store's log, so every machine that makes its index from the
store agrees; of two that contradict each other the later holds. They are written at once, not gathered as hits are:
whoever asks next sees them.

To `forget` a run is more than an event, since other machines look at the store's record and not at its log: the record
goes from ``results/``, and stays as a forgotten one in ``runs/``.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, TypedDict

from consist.blobs import layout
from consist.errors import BlobNotFoundError, ChangedError, DamagedError, UsageError
from consist.identity.names import check_name
from consist.identity.signature import signature as signature_of
from consist.index.logobject import MAX_EVENT_TEXT
from consist.index.marks import PIN
from consist.index.records import FAILED, Event, decode_record
from consist.store.asked import all_askers, known_runs
from consist.store.publish import keep

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Unpack

    from consist.hashing.digest import Digest
    from consist.index.records import RunRecord
    from consist.store.store import Store

_ATTEMPTS = 5
_PARTS = frozenset({"code", "config", "inputs", "contract"})


class Filters(TypedDict, total=False):
    """What `pinned_runs` takes; None is none."""

    step: str | None
    status: str | None
    kind: str | None
    tag: str | None
    parent: str | None
    since: int | None


def tag(store: Store, record: RunRecord, text: str) -> bool:
    """Give a run a tag.

    Parameters
    ----------
    store : Store
        Where the run is.
    record : RunRecord
        The run.
    text : str
        The tag.

    Returns
    -------
    bool
        Whether it is new; False if the run had it.

    Raises
    ------
    UsageError
        If it cannot be a tag.
    StorageError
        If it cannot be written.
    """
    text = check_name("tag", text)
    store.events.write_tags()
    if text in store.index.tags(record.id):
        return False
    _write(store, record, "tag", text)
    return True


def untag(store: Store, record: RunRecord, text: str) -> bool:
    """Take a tag from a run, also one that it was recorded with; tell whether it had it."""
    text = check_name("tag", text)
    store.events.write_tags()
    if text not in store.index.tags(record.id):
        return False
    _write(store, record, "untag", text)
    return True


def pin(store: Store, record: RunRecord, reason: str = "") -> bool:
    """Say that the content of a run must be kept, whatever becomes of it otherwise.

    Parameters
    ----------
    store, record
        The run.
    reason : str
        Why; each reason is a pin of its own.

    Returns
    -------
    bool
        Whether it is new; False if the run was pinned for this reason.

    Raises
    ------
    UsageError
        If the reason is too long.
    StorageError
        If it cannot be written.
    """
    reason = checked_reason(reason)
    if reason in _pins(store, record):
        return False
    _write(store, record, "pin", reason)
    return True


def pinned_runs(store: Store, **chosen: Unpack[Filters]) -> Iterator[RunRecord]:
    """Yield the runs that are pinned, the newest first, by the filters of `Index.runs`: there are few of them."""
    found = known_runs(store, {run_id for run_id, _ in store.index.marked(PIN)})
    known = sorted(found, key=lambda run: (run.started, run.id), reverse=True)
    return (run for run in known if _fits(store, run, chosen))


def _fits(store: Store, run: RunRecord, chosen: Filters) -> bool:
    tag, parent, since = chosen.get("tag"), chosen.get("parent"), chosen.get("since")
    return (
        all(chosen.get(name) in {None, getattr(run, name)} for name in ("step", "status", "kind"))
        and (tag is None or tag in store.index.tags_of(run))
        and (parent is None or parent == run.parent or parent in store.index.parents(run.id))
        and (since is None or run.started >= since)
    )


def unpin(store: Store, record: RunRecord, reason: str | None = None) -> tuple[str, ...]:
    """Take pins from a run.

    Parameters
    ----------
    store, record
        The run.
    reason : str, optional
        Only the pin of this reason. Default: all.

    Returns
    -------
    tuple of str
        The reasons of those that it had.
    """
    found = tuple(known for known in _pins(store, record) if reason is None or known == reason)
    _write(store, record, "unpin", *found)
    return found


def forget(store: Store, record: RunRecord, reason: str = "") -> RunRecord:
    """Say that the result of a run is wrong: no signature leads to it any more, on any machine.

    Nor to the runs whose functions asked for it, at whatever depth: their code and inputs are the same as before, so
    they would be found again with a result that was made from what is wrong (decision 28).

    The next call of the step is a miss and publishes anew. The run stays listed, with the status ``forgotten``; its
    content stays readable by the run's id, and nothing keeps it from being collected.

    Parameters
    ----------
    store : Store
        Where the run is.
    record : RunRecord
        A completed run. One that is forgotten already is forgotten to the end, if that was broken off.
    reason : str
        Why it is wrong.

    Returns
    -------
    RunRecord
        The run as it is known now.

    Raises
    ------
    UsageError
        If the run failed, or the reason is too long; nothing was done.
    ChangedError
        If other writers replaced the record again and again meanwhile.
    StorageError
        If the store cannot be written.

    Notes
    -----
    The order is: the copy in ``runs/``, this machine's index, the record in ``results/``, the log. Broken off before
    the third, nothing is forgotten; after it, all that counts is done. A machine that uses the store over a network
    and has looked at the record within the last day believes in it until the day is over (``lookup.py``).
    """
    reason = checked_reason(reason)
    if record.status == FAILED:
        raise UsageError(f"{record.kind} {record.id} failed, so no call finds it", hint="there is nothing to forget")
    _forget(store, record, reason)
    for asker in all_askers(store, record):  # after it: one that is called between the two must not find it again
        if asker.status != FAILED:
            _forget(store, asker, f"it asked for run {record.id}, which is wrong")
    return store.index.get_run(record.id) or record.forgotten()


def _forget(store: Store, record: RunRecord, reason: str) -> None:
    signature = _signature(record)
    if signature is not None:
        _take_down(store, record, signature)
    _write(store, record, "forget", reason)


def _take_down(store: Store, record: RunRecord, signature: Digest) -> None:
    """Remove a run's record from where its signature leads, if it is still this run's."""
    key = layout.digest_key(layout.RESULTS, signature)
    for _ in range(_ATTEMPTS):
        try:
            data, version = store.backend.get_versioned(key)
            published = decode_record(data, signature.raw)
        except (BlobNotFoundError, DamagedError):  # what is damaged leads to no run
            return
        if published.id != record.id:
            return
        keep(store, published.forgotten())
        # Without compare-and-swap a record that takes its place in this moment may go too: that costs a miss.
        match = version if store.backend.capabilities.replace else None
        try:
            store.backend.delete(key, if_match=match)
        except ChangedError:
            continue
        store.seen.pop(signature, None)
        return
    raise ChangedError(f"{key} keeps changing", hint="call again")


def _signature(record: RunRecord) -> Digest | None:
    """Return the signature that led to a run; of one that is known without it, made from its parts again."""
    if record.signature is not None:
        return record.signature
    return signature_of(record.step, record.parts) if record.parts.keys() >= _PARTS else None


def _pins(store: Store, record: RunRecord) -> list[str]:
    return [mark.text for mark in store.index.marks(record.id, "pin")]


def checked_reason(reason: object) -> str:
    """Return a reason that the log can hold: a batch that it cannot write would be tried again for ever.

    Raises
    ------
    UsageError
        If it is no text, or too long.
    """
    if not isinstance(reason, str) or len(reason) > MAX_EVENT_TEXT:
        raise UsageError(
            f"a reason is text of at most {MAX_EVENT_TEXT:,} characters, not {reason!r:.60}",
            hint="say it shorter, as text",
        )
    return reason.encode("utf-8", "replace").decode()


def _write(store: Store, record: RunRecord, kind: str, *texts: str) -> None:
    """Write events, each later than the last change of its mark: a clock that is behind must not undo them."""
    mark = kind.removeprefix("un")
    for text in texts:
        last = store.index.last_change(record.id, mark, text)
        at = max(time.time_ns() // 1000, 0 if last is None else last.at + 1)
        store.events.add(Event(kind, record.id, at, text=text))
    store.events.flush()
