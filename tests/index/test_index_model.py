"""The index against plain dicts, by whatever order of calls Hypothesis thinks of."""

import dataclasses
import shutil
import tempfile
from collections import Counter
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from consist.hashing.hasher import hash_bytes
from consist.index.environment import Environment
from consist.index.index import Index
from consist.index.records import ArtifactRecord, Event, InputRecord, RunRecord, encode_events, encode_record

numbers = st.integers(0, 9)
signatures = st.none() | st.integers(0, 4)
names = st.sampled_from(["a", "b", "c\0", "d" * 600])


def digest(value):
    return hash_bytes(str(value).encode())


def forgotten(record):
    status = {"completed": "forgotten", "failed": "failed"}.get(record.status, record.status)
    return dataclasses.replace(record, signature=None, status=status)


class IndexMachine(RuleBasedStateMachine):
    @initialize(durable=st.booleans())
    def start(self, durable):
        self.folder = tempfile.mkdtemp()
        self.environment = Environment(Path(self.folder) / "index.lmdb", durable=durable, map_size=1 << 16)
        self.index = Index(self.environment, "store")
        self.runs = {}  # id -> record, with the signature only if it leads there
        self.tags = {}  # (id, tag) -> (at, given)
        self.members = set()  # (id, parent)
        self.hits = {}
        self.logs = set()
        self.pending = {}
        self.forgotten = set()

    def teardown(self):
        if hasattr(self, "folder"):
            self.index.close()
            shutil.rmtree(self.folder)

    def store(self, record):
        for other_id, other in self.runs.items():
            if record.signature is not None and other.signature == record.signature:
                self.runs[other_id] = dataclasses.replace(other, signature=None)
        if record.id in self.forgotten:
            record = forgotten(record)
        self.runs[record.id] = record

    @rule(
        number=numbers,
        signature=signatures,
        step=names,
        tags=st.sets(names),
        outputs=st.lists(names, max_size=3),
        inputs=st.lists(names, max_size=2),
        at=st.integers(-3, 3),
        status=st.sampled_from(["completed", "failed"]),
        batch=st.booleans(),
        parent=st.sampled_from(["", "p", "a"]),
        kind=st.sampled_from(["run", "trace", "scenario"]),
    )
    def put(  # noqa: PLR0913, PLR0917 - each is drawn by itself
        self, number, signature, step, tags, outputs, inputs, at, status, batch, parent, kind
    ):
        record = RunRecord(
            f"{number:020x}",
            digest(signature) if signature is not None else None,
            step,
            status,
            at,
            at + 5,
            tags=tuple(sorted(tags)),
            parent=parent,
            kind=kind,
            outputs=tuple(
                ArtifactRecord(f"o{place}", digest(name), 9, "bytes", name.encode())
                for place, name in enumerate(outputs)
            ),
            inputs=tuple(InputRecord(f"i{place}", "file", digest(name), 9, name) for place, name in enumerate(inputs)),
        )
        framed = encode_record(record)
        if batch:
            self.index.put_runs([(record, framed), (record, framed)])
        else:
            self.index.put_run(record, framed)
        # A forgotten run takes no signature away from another.
        if record.id in self.forgotten:
            self.runs[record.id] = forgotten(record)
        else:
            self.store(record)

    @rule(old=numbers, new=numbers, signature=st.integers(0, 4))
    def replace(self, old, new, signature):
        if new in {int(found, 16) for found in self.runs} | {int(found, 16) for found in self.forgotten} or old == new:
            return
        record = RunRecord(f"{new:020x}", digest(signature), "a", "completed", 7, 8)
        self.index.replace_run(f"{old:020x}", record, encode_record(record))
        if (old_record := self.runs.get(f"{old:020x}")) is not None:
            self.runs[old_record.id] = dataclasses.replace(old_record, signature=None)
        self.store(record)

    @rule(number=numbers)
    def remove(self, number):
        run_id = f"{number:020x}"
        assert self.index.remove_run(run_id) == (run_id in self.runs)
        self.drop(run_id)

    def drop(self, run_id):
        self.runs.pop(run_id, None)
        self.hits.pop(run_id, None)
        self.forgotten.discard(run_id)
        self.tags = {key: value for key, value in self.tags.items() if key[0] != run_id}
        self.members = {member for member in self.members if member[0] != run_id}

    @rule(signature=st.integers(0, 4))
    def unlink(self, signature):
        found = [run for run, record in self.runs.items() if record.signature == digest(signature)]
        assert self.index.unlink(digest(signature)) == bool(found)
        for run_id in found:
            self.drop(run_id)

    @rule(
        log=st.integers(0, 30),
        number=numbers,
        tag=names,
        at=st.integers(1, 3),
        count=st.integers(1, 5),
        kind=st.sampled_from(["hit", "tag", "untag", "forget", "member"]),
        pending=st.booleans(),
    )
    def event(self, log, number, tag, at, count, kind, pending):  # noqa: PLR0913, PLR0917 - each is drawn by itself
        event = Event(kind, f"{number:020x}", at, count, tag if kind in {"tag", "untag", "member"} else "")
        framed = encode_events(f"log/{log}", [event])
        if pending:
            applied = self.index.add_events(f"log/{log}", framed, [event])
        else:
            applied = self.index.apply_log(f"log/{log}", [event])
        assert applied == (log not in self.logs)
        if not applied:
            return
        self.logs.add(log)
        if pending:
            self.pending[f"log/{log}"] = framed
        if kind == "hit":
            old = self.hits.get(event.run_id, (0, 0))
            self.hits[event.run_id] = (old[0] + count, max(old[1], at))
        elif kind == "member":
            self.members.add((event.run_id, tag))
        elif kind == "forget":
            self.forgotten.add(event.run_id)
            if event.run_id in self.runs:
                self.runs[event.run_id] = forgotten(self.runs[event.run_id])
        else:
            key = (event.run_id, tag)
            self.tags[key] = max(self.tags.get(key, (0, False)), (at, kind == "tag"))

    @rule()
    def confirm(self):
        for key in self.pending:
            self.index.confirm_events(key)
        self.pending = {}

    @rule()
    def reopen(self):
        self.index.close()

    def tags_of(self, run_id):
        record = self.runs.get(run_id)
        tags = set(record.tags) if record is not None else set()
        for (found, tag), (_, given) in self.tags.items():
            if found == run_id:
                tags = tags | {tag} if given else tags - {tag}
        return tags

    @invariant()
    def answers_as_the_model(self):
        if not hasattr(self, "runs"):
            return
        order = sorted(self.runs.values(), key=lambda record: (record.started, record.id), reverse=True)
        assert list(self.index.runs()) == order
        by_signature = {record.signature: record for record in order if record.signature is not None}
        for signature in range(5):
            assert self.index.find(digest(signature)) == by_signature.get(digest(signature))
        for number in range(10):
            run_id = f"{number:020x}"
            assert self.index.get_run(run_id) == self.runs.get(run_id)
            assert set(self.index.tags(run_id)) == self.tags_of(run_id)
            hits = self.index.hits(run_id)
            assert (hits.count, hits.last) == self.hits.get(run_id, (0, 0))
        assert self.index.match_runs("") == sorted(self.runs)
        assert dict(self.index.pending_events()) == self.pending
        self.lists_as_the_model(order)

    def lists_as_the_model(self, order):
        for name in ["a", "b", "c\0", "d" * 600]:
            assert list(self.index.runs(step=name)) == [record for record in order if record.step == name]
            assert list(self.index.runs(tag=name, status="failed")) == [
                record for record in order if name in self.tags_of(record.id) and record.status == "failed"
            ]
            made = [(record.id, item.key) for record in order for item in record.outputs if item.digest == digest(name)]
            read = [(record.id, item.key) for record in order for item in record.inputs if item.digest == digest(name)]
            assert [tuple(edge) for edge in self.index.producers(digest(name))] == made
            assert [tuple(edge) for edge in self.index.consumers(digest(name))] == read
            assert (self.index.blob(digest(name)) is not None) == bool(made)
            assert self.index.inline_blob(digest(name)) == (name.encode() if made else None)
        for kind in ["run", "trace", "scenario"]:
            assert list(self.index.runs(kind=kind)) == [record for record in order if record.kind == kind]
            assert list(self.index.runs(kind=kind, step="a")) == [
                record for record in order if record.kind == kind and record.step == "a"
            ]
        for parent in ["p", "a", "b", "d" * 600]:
            belong = [record for record in order if record.parent == parent or (record.id, parent) in self.members]
            assert list(self.index.runs(parent=parent)) == belong
            assert [record.id for record in order if parent in self.index.parents(record.id)] == [
                record.id for record in belong
            ]
        counts = {record.step: 0 for record in order}
        for record in order:
            counts[record.step] += 1
        assert dict(self.index.steps()) == counts
        assert dict(self.index.step_sums()) == {step: self.sums_of(step, order) for step in counts}
        found = [(record.step, self.hits.get(record.id, (0, 0))[0], record.ended - record.started) for record in order]
        assert sorted(self.index.found_again()) == sorted(each for each in found if each[1])

    @staticmethod
    def sums_of(step, order):
        runs = [record for record in order if record.step == step]
        outputs = [output for record in runs for output in record.outputs]
        spent = sum(record.ended - record.started for record in runs)
        ended = Counter(record.status for record in runs)
        return step, len(runs), ended, len(outputs), sum(each.size for each in outputs), spent, runs[0].started


IndexMachine.TestCase.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)
TestIndex = IndexMachine.TestCase
