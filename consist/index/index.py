"""`Index`: what one machine knows of one store, bound to one LMDB environment. The face of this package.

Every method is one transaction (or several short ones, where it says so), done by the functions of ``writing``,
``lookup``, ``lineage``, ``events`` and ``stores``; attributes have methods of their own. Nothing is decided here: which
record wins, what is damaged and what is to be done about it are the store's business.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

from consist.errors import DamagedError
from consist.index import events, lineage, lookup, marks, outline, sieve, stepsums, stores, writing
from consist.index.bound import Bound
from consist.index.chunks import Chunks
from consist.index.everything import Everything
from consist.index.filestat import Files
from consist.index.memo import Memo
from consist.index.records import decode_record

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
    from types import TracebackType

    from consist.hashing.digest import Digest
    from consist.index.environment import Environment
    from consist.index.events import Hits
    from consist.index.lineage import BlobEntry, Edge
    from consist.index.marks import Change, Mark
    from consist.index.outline import Outline
    from consist.index.records import Event, RunRecord
    from consist.index.stepsums import StepSums
    from consist.index.stores import KnownStore

REBUILD_HINT = "run `consist index rebuild`: it is made anew from the store"


class Index:
    """The runs, edges, blobs and events of one store, as this machine knows them.

    Parameters
    ----------
    environment : Environment
        The LMDB file. Opened at the first use, by this process; several indexes may share it.
    store_id : str
        The id of the store, from its ``consist.json``.

    Raises
    ------
    FormatError
        By the first use: the file is something else, or of a newer consist.
    DamagedError
        By any use: the file or a value in it is damaged. `UntrustedIndexError`, a kind of it, by the first use: the
        machine went down while somebody wrote with ``durable=False``.
    StorageError
        By any use: the file cannot be opened, read or written.

    Notes
    -----
    Safe under threads, fork, spawn and pickling (which takes the path, the settings and the store's id along).
    """

    __slots__ = ("_bound", "_environment", "_records", "_store", "chunks", "everything", "files", "suspects")

    def __init__(self, environment: Environment, store_id: str) -> None:
        self._bound = Bound(environment, store_id)
        self._environment, self._store = environment, store_id  # again, for the hot path
        self._records: Memo[RunRecord] = Memo()
        self.files = Files(environment)
        self.suspects = lineage.Suspects(self._bound)
        self.chunks = Chunks(self._bound)
        self.everything = Everything(self._bound)

    def __reduce__(self) -> tuple[type[Self], tuple[Environment, str]]:
        return type(self), (self._environment, self._store)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def environment(self) -> Environment:
        """The LMDB file that it is bound to."""
        return self._environment

    @property
    def store_id(self) -> str:
        """The id of the store that it is bound to."""
        return self._store

    # -- runs: writing ------------------------------------------------------------------------------------------

    def put_run(self, record: RunRecord, framed: bytes) -> None:
        """Take in a run with all that leads to it, in one transaction.

        Parameters
        ----------
        record : RunRecord
            The run. With a signature, the signature leads to it; a run that it led to before stays, without one.
        framed : bytes
            Its bytes as the store has them (`encode_record`).

        Notes
        -----
        Idempotent. A run that an event forgot is taken in without its signature, as a forgotten one.
        """
        self._bound.write(lambda view: writing.put_run(view, record, framed))

    def put_runs(self, runs: Iterable[tuple[RunRecord, bytes]]) -> int:
        """Take in many runs, a batch a transaction; return how many."""
        return sum(self._put_batch(batch) for batch in writing.batches(runs))

    def replace_run(self, old_id: str, record: RunRecord, framed: bytes, *, old_framed: bytes | None = None) -> None:
        """Take in a run whose signature led to another one, which stays as a run without signature.

        Parameters
        ----------
        old_id : str
            The run that is superseded; unknown here is no error.
        record, framed
            The new run, as for `put_run`.
        old_framed : bytes, optional
            The old run's bytes without signature, as the store has them; else they are encoded here.
        """
        self._bound.write(lambda view: writing.replace_run(view, old_id, record, framed, old_framed))

    def unlink(self, signature: Digest) -> bool:
        """Take the run that a signature leads to out, with everything of it; tell whether there was one."""
        return self._bound.write(lambda view: writing.unlink(view, signature))

    def remove_run(self, run_id: str) -> bool:
        """Take a run out, with everything of it: record, edges, marks, hits; tell whether there was one."""
        return self._bound.write(lambda view: writing.remove_run(view, run_id))

    def clear(self) -> None:
        """Empty this store's tables for a rebuild, in short transactions; until `mark_rebuilt`, `needs_rebuild` holds.

        Kept are the suspects, the cache of file digests, and the events that no log has yet, which are applied anew.
        """
        self._bound.write(stores.mark_incomplete)
        while self._bound.write(writing.clear_some):
            pass
        self._bound.write(events.reapply_pending)

    def mark_rebuilt(self) -> None:
        """Say that these tables hold all that the store has."""
        self._bound.write(stores.mark_complete)

    @property
    def needs_rebuild(self) -> bool:
        """Whether the tables were never filled from the store, or a rebuild was broken off."""
        return not self._bound.read(stores.is_complete)

    # -- runs: looking up ---------------------------------------------------------------------------------------

    def find(self, signature: Digest, *, hint: bool = False) -> RunRecord | None:
        """Return the run that a signature leads to, or None; with `hint`, None is no more than that, as for `fetch`.

        Raises
        ------
        DamagedError
            If its bytes do not match their check; `unlink` takes them out.
        """
        raw = signature.raw
        data = self._environment.fetch("results", self._store, raw, hint=hint)
        if data is None:
            return None
        known = self._records.get(raw, data)
        return known if known is not None else self._decode(raw, data)

    def confirm(self, signature: Digest, at: int) -> None:
        """Remember when the store was known to have the very record that is here: microseconds since 1970."""
        self._bound.write(lambda view: view.put_sealed("confirmed", signature.raw, [at]))

    def doubt(self, signatures: Sequence[Digest]) -> None:
        """Take back what `confirm` was told of these signatures."""
        self._bound.write(lambda view: [view.delete("confirmed", each.raw) for each in signatures])

    def confirmed(self, signature: Digest) -> int:
        """Return when `confirm` was last told so; 0 if never."""
        found = self._bound.read(lambda view: view.get_sealed("confirmed", signature.raw))
        return 0 if found is None else int(found[0])

    def framed(self, run_id: str) -> bytes | None:
        """Return the bytes of a run's record as the store has them, unchecked, or None."""
        return self._bound.read(lambda view: lookup.framed(view, run_id))

    def has(self, name: Digest | str) -> bool:
        """Tell whether there is a run that a signature leads to, or one with a whole id; neither is looked at."""
        if isinstance(name, str):
            return self._bound.read(lambda view: view.has("runs", name.encode()))
        return self._environment.fetch("results", self._store, name.raw) is not None

    def get_run(self, run_id: str) -> RunRecord | None:
        """Return a run by its whole id, or None."""
        return self._bound.read(lambda view: lookup.get_run(view, run_id))

    def match_runs(self, prefix: str, *, limit: int = 20) -> list[str]:
        """Return the ids that begin with a prefix, sorted, at most `limit` of them."""
        return self._bound.read(lambda view: lookup.match_runs(view, prefix, limit))

    def runs(  # noqa: PLR0913 - each is a filter of its own, and named
        self,
        *,
        step: str | None = None,
        status: str | None = None,
        tag: str | Sequence[str] | None = None,
        parent: str | None = None,
        kind: str | None = None,
        since: int | None = None,
        holding: Sequence[Sequence[bytes]] = (),
        before: RunRecord | int | None = None,
        limit: int | None = None,
    ) -> Iterator[RunRecord]:
        """Yield runs, the newest first.

        Parameters
        ----------
        step, status, tag, parent, kind : str, optional
            Only those with this; a tag counts also if an event gave it later, and not if one took it; of several tags,
            all count. `parent` is the id of a run: of those that were executed in it, and those that were found again
            in it (`member`).
        since : int, optional
            Only those started at this time or later: microseconds since 1970.
        holding : sequence of sequence of bytes
            Only those whose record has one of each among its bytes: a sieve before a finer look.
        before : RunRecord or int, optional
            Only those that come after this run in this order, whether or not it fits itself; or those that were
            started before this time.
        limit : int, optional
            At most so many.

        Notes
        -----
        A page a transaction, so that a slow consumer keeps no snapshot alive; what comes or goes meanwhile may or
        may not be seen. An entry whose record is damaged is left out: `find` and `get_run` say so.
        """
        query = lookup.Query.of(
            step=step, status=status, tag=tag, parent=parent, kind=kind, since=since, holding=holding
        )
        return lookup.runs(self._bound, query, limit, below=None if before is None else lookup.end_of(before))

    def rows(self, *, limit: int | None = None, **filters: Any) -> Iterator[Outline]:
        """Yield outlines of runs, the newest first, by the filters that `runs` has."""
        return lookup.rows(self._bound, lookup.Query.of(**{"step": None, "status": None, **filters}), limit)

    def starts(self) -> Iterator[tuple[str, int, str]]:
        """Yield (run id, start in microseconds since 1970, step) of all runs, the newest first; no record is looked at.

        A left-over entry, of a record that was damaged when its run was taken out, may be among them.
        """
        return lookup.starts(self._bound)

    def outlines(self, step: str | None = None) -> Iterator[Outline]:
        """Yield what is summed up of all runs, or of those of a step, the newest first, a page a transaction."""
        return outline.outlines(self._bound, step)

    def passing(self, test: Callable[[bytes], object], also: Collection[str] = ()) -> Iterator[RunRecord]:
        """Yield the runs whose framed bytes pass a test, and those with an id in `also`, the newest first."""
        return sieve.passing(self._bound, test, also)

    def steps(self) -> Iterator[tuple[str, int]]:
        """Yield the names of steps, sorted, with the number of runs of each."""
        return iter(self._bound.read(lookup.steps))

    def tag_names(self) -> list[str]:
        """Return the tags that runs have now, sorted; those of more than 200 bytes are left out."""
        return self._bound.read(lookup.tag_names)

    def step_sums(self) -> list[tuple[str, StepSums | None]]:
        """Return the names of steps, sorted, with what the runs of each come to; None where that is not kept."""
        return self._bound.read(stepsums.steps)

    def found_again(self) -> Iterator[tuple[str, int, int]]:
        """Yield (step, hits, microseconds that it took) of each run that was found again, a page a transaction."""
        return stepsums.found_again(self._bound)

    def newest(self, step: str, *, key: str | None = None) -> RunRecord | None:
        """Return the newest completed run of a step, or of those with an output `key`; None if there is none."""
        return lookup.newest(self._bound, step, key)

    # -- lineage and blobs --------------------------------------------------------------------------------------

    def producers(self, digest: Digest) -> list[Edge]:
        """Return (run id, output key) of every run that made this content, the newest first."""
        return self._bound.read(lambda view: lineage.edges(view, "producers", digest))

    def consumers(self, digest: Digest) -> list[Edge]:
        """Return (run id, input key) of every run that read this content, the newest first."""
        return self._bound.read(lambda view: lineage.edges(view, "consumers", digest))

    def askers(self, run_id: str) -> list[str]:
        """Return the ids of the runs whose function asked for a run while it was called, the newest first."""
        return self._bound.read(lambda view: lineage.askers(view, run_id))

    def blob(self, digest: Digest) -> BlobEntry | None:
        """Return what is known of a blob: size, and whether it is inline in a record; None if nothing."""
        return self._bound.read(lambda view: lineage.blob(view, digest))

    def blobs(self, prefix: str = "") -> Iterator[BlobEntry]:
        """Yield the blobs whose digest begins with these hexadecimal digits, in order, a page a transaction."""
        return lineage.blobs(self._bound, prefix)

    def inline_blob(self, digest: Digest) -> bytes | None:
        """Return the content of a blob that is inline in a record, or None. The caller checks it against `digest`."""
        return self._bound.read(lambda view: lineage.inline_blob(view, digest))

    # -- events -------------------------------------------------------------------------------------------------

    def add_events(self, log_key: str, framed: bytes, items: Iterable[Event]) -> bool:
        """Apply events and keep their log object as pending, in one transaction; False if `log_key` was applied before.

        Parameters
        ----------
        log_key : str
            The name that the log object will have in the store.
        framed : bytes
            The log object (`encode_events`).
        items : iterable of Event
            What is in it.
        """
        batch = tuple(items)
        return self._bound.write(lambda view: events.add(view, log_key, framed, batch))

    def apply_log(self, log_key: str, items: Iterable[Event]) -> bool:
        """Apply events of a log object that is in the store; False if `log_key` was applied before."""
        batch = tuple(items)
        return self._bound.write(lambda view: events.add(view, log_key, None, batch))

    def pending_events(self) -> list[tuple[str, bytes]]:
        """Return (log key, log object) of all that is not confirmed, in order of key."""
        return self._bound.read(events.pending)

    def confirm_events(self, log_key: str) -> None:
        """Say that a log object is in the store."""
        self._bound.write(lambda view: events.confirm(view, log_key))

    def hits(self, run_id: str) -> Hits:
        """Return how often a run was found again, and when last (microseconds since 1970; 0 if never)."""
        return self._bound.read(lambda view: events.hits(view, run_id))

    def tags(self, run_id: str) -> tuple[str, ...]:
        """Return a run's tags, sorted: those of its record, with what events gave and took."""
        return self._bound.read(lambda view: events.tags(view, run_id))

    def tags_of(self, record: RunRecord) -> tuple[str, ...]:
        """Return the same of a run whose record is at hand: that spares decoding it again."""
        return self._bound.read(lambda view: marks.tags(marks.of_run(view, record.id), record.tags))

    def parents(self, run_id: str) -> tuple[str, ...]:
        """Return the ids of the runs that a run belongs to: the one it was executed in, then those it was found in."""
        return self._bound.read(lambda view: events.parents(view, run_id))

    def marks(self, run_id: str, kind: str) -> list[Mark]:
        """Return the marks (``pin``, ``member``, ``forget``) that a run has now, sorted by text."""
        return self._bound.read(lambda view: events.marks_of(view, run_id, kind))

    def last_change(self, run_id: str, kind: str, text: str) -> Change | None:
        """Return what was last done to a mark of a run, given or taken; None if nothing was."""
        return self._bound.read(lambda view: marks.last_change(view, run_id, kind, text))

    def marked(self, kind: str, text: str | None = None) -> list[tuple[str, Mark]]:
        """Return (run id, mark) of all runs with a mark of a kind: all pins, or the members of scenario `text`."""
        return self._bound.read(lambda view: marks.runs_with(view, kind, text))

    # -- stores -------------------------------------------------------------------------------------------------

    def remember_store(self, location: str) -> None:
        """Remember where this store lies: a folder (kept relative if it is below the index's own) or a URL."""
        stores.remember(self._environment, self._store, location)

    def stores(self) -> list[KnownStore]:
        """Return all stores that this index was used with."""
        return stores.known(self._environment)

    # -- ends ---------------------------------------------------------------------------------------------------

    def sync(self) -> None:
        """Make everything that was written durable."""
        self._environment.sync()

    def close(self) -> None:
        """Sync and close the file in this process; the next use opens it again."""
        self._environment.close()

    def _put_batch(self, batch: list[tuple[RunRecord, bytes]]) -> int:
        return self._bound.write(lambda view: writing.put_batch(view, batch))

    def _decode(self, raw: bytes, data: bytes) -> RunRecord:
        try:
            return self._records.put(raw, data, decode_record(data, raw))
        except DamagedError as error:
            raise DamagedError(
                f"the index's record of signature {raw.hex()[:12]} is damaged: {error.message}", hint=REBUILD_HINT
            ) from error
