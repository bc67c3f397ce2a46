"""The protocol of docs/format.md, "Writing beside a collector", as programs that the explorer can walk.

Each safeguard has a name and can be left out, so that a test can show what it is for.
"""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, Any, NamedTuple

from tests.protocol import storemodel as ask
from tests.protocol.explorer import Phase
from tests.protocol.storemodel import ANY, BLOB, FLOOR, FOREVER, MANIFEST, OLD, PACKS, RESULTS, RUNS, Delete, Object

if TYPE_CHECKING:
    from collections.abc import Generator

    Program = Generator[tuple[Any, ...], Any, Any]

NOTHING: frozenset[Any] = frozenset()
LOOK = 1
"""So long after the oldest date that it relies on may a writer look at the list."""
FINISH = FLOOR - 1
"""So long after that date may it put its manifest and publish its record."""
LAG = 1
"""So long after its cycle began may a delete land. ``LAG + LOOK < FLOOR``."""


class Rules(NamedTuple):
    """What a program works on, and what it does without."""

    without: str = ""
    """The safeguard that is left out."""
    packs: tuple[str, ...] = ()
    """A writer's index says that these have the blob's chunks. Without any, the blob is a small one."""
    key: str = RESULTS + "s"
    """Where a writer publishes."""
    copies: bool = False
    """There are records under ``runs/``."""
    again: bool = False
    """A writer takes all the time it likes, and looks again after publishing."""

    def by(self, tick: float) -> float:
        """Return the last tick at which a writer may go on."""
        return inf if self.again or self.without == "writers are in time" else tick


class Wanted(NamedTuple):
    """What a writer is about to rely on, and what it knows of it."""

    run: str
    objects: tuple[str, ...]
    manifest: Object | None = None
    """The manifest that was there, whose packs they are."""
    oldest: float = inf
    """The oldest date of those that it has confirmed."""
    listed: tuple[str, ...] = ()
    published: bool = False

    def now(self, rules: Rules, run: Any, *more: Any, ticks: int = LOOK) -> Phase:
        """Go on with a phase, if it is not too late for that."""
        if self.published:
            by, late = (self.oldest + LOOK if ticks == LOOK else inf), Phase(write, (rules, self.run, True))
            return Phase(run, (rules, self, *more), by, late)
        return Phase(run, (rules, self, *more), rules.by(self.oldest + ticks))


# A writer ------------------------------------------------------------------------------------------------------------


def write(rules: Rules, run: str, published: bool = False) -> Program:
    """Put a blob and publish a record that names it; if it is published, make sure that it stays."""
    there = (yield ask.get, MANIFEST) if rules.packs or published else None
    objects = there.content if there else rules.packs or (BLOB,)
    wanted = Wanted(run, objects, there, published=published)
    if rules.without == "the list after the dates":
        wanted = wanted._replace(listed=(yield ask.look, objects))
    return wanted.now(rules, confirm, objects)


def confirm(rules: Rules, wanted: Wanted, objects: tuple[str, ...]) -> Program:
    """Make sure that every object is there and young."""
    if not objects or rules.without == "a stat before reuse":
        return wanted.now(rules, look)
    key = objects[0]
    date = None if key == BLOB else (yield ask.stat, key, LOOK)
    if date == OLD and rules.without != "a refresh":
        date = yield ask.refresh, key
    if date is None:
        date = yield ask.put, key
    wanted = wanted._replace(oldest=min(wanted.oldest, inf if date == OLD else date))
    return wanted.now(rules, confirm, objects[1:])


def look(rules: Rules, wanted: Wanted) -> Program:
    """Look which of them are listed."""
    if rules.without not in {"the list", "the list after the dates"}:
        wanted = wanted._replace(listed=(yield ask.look, wanted.objects))
    return wanted.now(rules, settle, ticks=FINISH)


def settle(rules: Rules, wanted: Wanted) -> Program:
    """Put what is listed into a new pack, and see to it that a manifest says so."""
    objects = tuple(key for key in wanted.objects if key not in wanted.listed)
    if wanted.listed:
        new = wanted.listed[0] if rules.without == "a new pack for what is listed" else PACKS + wanted.run
        yield ask.put, new
        objects += (new,)
    if objects != (BLOB,):
        there = wanted.manifest if rules.packs else (yield ask.get, MANIFEST)
        match = ANY if rules.without == "manifests are swapped" else there and there.version
        version = f"{wanted.run}{'+' * wanted.published}"
        if rules.without == "an old manifest is put anew" and there is not None and there.content == objects:
            version = None
        if version is not None and (yield ask.publish, MANIFEST, version, objects, match) is None:
            return Phase(write, (rules, wanted.run, True)) if wanted.published else None
    if wanted.published:
        return Phase(write, (rules, wanted.run, True)) if wanted.listed else Phase(ended, (rules, wanted.run))
    return wanted.now(rules, record, ticks=FINISH)


def record(rules: Rules, wanted: Wanted) -> Program:
    """Publish the record, in place of the one that is there."""
    there = yield ask.version, rules.key
    put = yield ask.publish, rules.key, wanted.run, True, there
    if put is None:
        return None
    if rules.again and rules.without != "a look after publishing":
        return Phase(write, (rules, wanted.run, True))
    return Phase(ended, (rules, wanted.run))


def ended(_rules: Rules, run: str) -> Program:
    """Return to the caller."""
    yield ask.sure, run


def supersede(_rules: Rules, name: str) -> Program:
    """Keep a copy of the record that is there under ``runs/``, then replace it by one that names other content."""
    there = yield ask.get, RESULTS + "s"
    if there is None:
        return
    yield ask.publish, RUNS + there.version, there.version, True, None
    yield ask.publish, RESULTS + "s", name, False, there.version


def forget(_rules: Rules) -> Program:
    """Write into the log that the first run is forgotten."""
    yield ask.forget, "first"


# A collector ---------------------------------------------------------------------------------------------------------


class Cycle(NamedTuple):
    """A cycle under way."""

    rules: Rules
    name: str
    left: int
    """How many cycles follow."""
    began: int
    targets: frozenset[str] = NOTHING
    doomed: frozenset[tuple[str, str]] = NOTHING
    """Records of forgotten runs: key and version."""
    change: frozenset[tuple[str, int | str]] = NOTHING
    """What is to be changed in the list at its end."""

    @property
    def old(self) -> int | None:
        """The latest date that makes an object old; None stands for the floor before now."""
        if self.rules.without == "age when the cycle began":
            return None
        return self.began - (0 if self.rules.without == "the floor" else FLOOR)

    @property
    def by(self) -> int:
        """The last tick at which it may send a delete, and at which one may land."""
        return FOREVER if self.rules.without == "deletes are in time" else self.began + LAG

    def goes_on(self, run: Any, *more: Any) -> Phase:
        """Go on with a phase; a cycle that is late is given up, and the next one begun."""
        return Phase(run, (self, *more), self.by, self.ends())

    def ends(self) -> Phase:
        """Begin the next cycle."""
        return Phase(collect, (self.rules, self.name, self.left))


def collect(rules: Rules, name: str, cycles: int) -> Program:
    """Begin a cycle."""
    if not cycles:
        return None
    began = yield ask.begin, name
    return Cycle(rules, name, cycles - 1, began).goes_on(mark)


def mark(cycle: Cycle) -> Program:
    """Find what the records need, wherever they are, and which of them are forgotten."""
    folders = (RESULTS, RUNS) if cycle.rules.copies else (RESULTS,)
    if cycle.rules.without == "results before runs":
        folders = (RUNS, RESULTS)
    any_root, doomed = False, NOTHING
    for folder in folders:
        is_root, forgotten = yield ask.records, folder
        any_root, doomed = any_root or is_root, doomed | forgotten
    reached = (yield (ask.marked,)) if any_root else NOTHING
    return cycle._replace(doomed=doomed).goes_on(condemn, reached)


def condemn(cycle: Cycle, reached: frozenset[str]) -> Program:
    """List what is not reached and was old when the cycle began."""
    without = cycle.rules.without
    unreached = (yield ask.old, cycle.old) - reached
    targets = unreached - {MANIFEST}
    change: set[tuple[str, int | str]] = set()
    if without != "what is condemned is listed":
        listed = yield ask.swap, cycle.name, frozenset((key, None) for key in targets)
        if listed is None:
            return cycle.ends()
        targets = frozenset(key for key, gone in listed if gone is None) - reached
        change = {(key, "drop") for key, gone in listed if gone is not None and gone + FLOOR <= cycle.began}
        if without == "what is listed stays listed":
            change |= {(key, "drop") for key, gone in listed if key in reached}
    cycle = cycle._replace(targets=targets, change=frozenset(change))
    return cycle.goes_on(objects_go if without == "records go first" else records_go, MANIFEST in unreached)


def records_go(cycle: Cycle, manifest: bool) -> Program:
    """Delete the records of forgotten runs, if they are still the same."""
    for key, version in sorted(cycle.doomed):
        yield from delete(cycle, key, version)
    if cycle.rules.without == "records go first":
        return cycle.ends()
    return cycle.goes_on(manifest_goes if manifest else objects_go, False)


def manifest_goes(cycle: Cycle, _manifest: bool) -> Program:
    """Delete the manifest if it is old and still the same: first its version, then its date."""
    if cycle.rules.without == "version before date":
        is_old = yield ask.dated, MANIFEST, cycle.old
        version = yield ask.version, MANIFEST
    else:
        version = yield ask.version, MANIFEST
        is_old = yield ask.dated, MANIFEST, cycle.old
    if version is not None and is_old:
        yield from delete(cycle, MANIFEST, version)
    return cycle.goes_on(objects_go, False)


def objects_go(cycle: Cycle, manifest: bool) -> Program:
    """Delete blobs and packs that are still old, one after the other, and list what is gone."""
    without = cycle.rules.without
    if cycle.targets:
        key = min(cycle.targets)
        is_old = yield ask.dated, key, cycle.old
        if is_old or (without == "a stat before deletion" and is_old is not None):
            yield from delete(cycle, key, None)
        gone = {(key, "drop" if without == "gone stays listed" else cycle.began)}
        change = cycle.change if is_old is False else cycle.change | gone
        return cycle._replace(targets=cycle.targets - {key}, change=change).goes_on(objects_go, manifest)
    if cycle.change:
        yield ask.swap, cycle.name, cycle.change
    if without == "records go first":
        return cycle.goes_on(records_go, False)
    return cycle.ends()


def delete(cycle: Cycle, key: str, version: str | None) -> Generator[tuple[Any, ...], Any, None]:
    """Send a delete and wait for it."""
    sent = Delete(key, None if cycle.rules.without == "conditional deletes" else version, cycle.name, cycle.by)
    yield ask.send, sent
    yield ask.returned, sent
