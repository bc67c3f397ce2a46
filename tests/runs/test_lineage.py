"""From a result to the raw files, and from a raw file to all results: against chains that are known."""

from __future__ import annotations

import json
import re
from pathlib import Path  # noqa: TC003 - an annotation that a step is asked for

import pytest

import consist
from consist import errors
from consist.runs.lineage import OUTPUT, Edge, Lineage, Node
from consist.runs.lineage_walk import walk


def clean(raw: Path):
    return {"table": raw.read_text().upper(), "lines": 2}


def plot(table, title):
    return f"{title}: {table}"


def join(one, two):
    return one + two


@pytest.fixture
def raw(tmp_path):
    path = tmp_path / "raw.csv"
    path.write_text("a,b\n1,2\n")
    return path


@pytest.fixture
def chain(tracker, raw):
    """raw.csv -> clean -> plot, and clean and plot -> join."""
    cleaned = tracker.run(clean, inputs={"raw": raw})
    plotted = tracker.run(plot, config={"title": "T"}, inputs={"table": cleaned.outputs["table"]}, outputs=["chart"])
    joined = tracker.run(
        join, inputs={"one": cleaned.outputs["table"], "two": plotted.outputs["chart"]}, outputs=["both"]
    )
    return cleaned, plotted, joined


def without_digests(text):
    return re.sub(r", [0-9a-f]{12}\)", ")", re.sub(r"run [0-9a-f]{12}", "run ID", text))


def test_up_to_the_raw_file(tracker, chain, raw):
    found = tracker.lineage(chain[2].outputs["both"])
    assert without_digests(str(found)) == (
        "both (plain, 20 B)\n"
        "└─ run ID join\n"
        "   ├─ one: table (plain, 9 B)\n"
        "   │  └─ run ID clean\n"
        f"   │     └─ raw: {raw} (file, 8 B)\n"
        "   └─ two: chart (plain, 12 B)\n"
        "      └─ run ID plot\n"
        "         └─ table (plain, 9 B) (written out above)"
    )
    assert not found.cut


def test_down_from_the_raw_file(tracker, chain, raw):
    found = tracker.lineage(raw, direction="down")
    assert without_digests(str(found)) == (
        f"{raw} (file, 8 B)\n"
        "└─ run ID clean\n"
        "   ├─ table (plain, 9 B)\n"
        "   │  ├─ run ID join\n"
        "   │  │  └─ both (plain, 20 B)\n"
        "   │  └─ run ID plot\n"
        "   │     └─ chart (plain, 12 B)\n"
        "   │        └─ run ID join (written out above)\n"
        "   └─ lines (plain, 1 B)"
    )


def test_both_ways_from_the_middle(tracker, chain):
    found = tracker.lineage("steps/plot/chart", "both")
    text = without_digests(str(found))
    up, down = text.split("\nused by\n")
    assert [line.split("─ ")[-1].split(" (")[0] for line in up.split("\n")[1:3]] == ["run ID plot", "table"]
    assert down == "└─ run ID join\n   └─ both (plain, 20 B)"


def test_from_a_run(tracker, chain):
    found = tracker.lineage(chain[1].run, "both")
    assert without_digests(str(found)).split("\n")[0] == "run ID plot"
    assert {node.name for node in found.nodes if node.kind == "run"} == {"clean", "plot", "join"}
    assert tracker.lineage(chain[1]) == tracker.lineage(chain[1].run.id[:9]) == tracker.lineage(chain[1].run)


def test_so_many_runs_away(tracker, chain):
    def steps(depth):
        found = tracker.lineage("steps/join/both", depth=depth)
        return [node.name for node in found.nodes if node.kind == "run"], found.cut

    assert steps(0) == ([], True)
    assert steps(1) == (["join"], True)
    assert steps(2) == (["join", "clean", "plot"], False)
    assert steps(None) == (["join", "clean", "plot"], False)


def test_no_more_than_was_asked_for(tracker, chain):
    found = tracker.lineage("steps/join/both", most=3)
    assert (len(found.nodes), found.cut) == (3, True)
    assert str(found).endswith("\n… and more")


def test_a_file_with_the_content_of_an_output_is_linked_and_says_so(tracker, tmp_path):
    """What was written by hand between two steps is how many pipelines begin."""
    made = tracker.run(lambda: b"a,b\n", name="export", outputs=["csv"])
    copy = tmp_path / "copy.csv"
    copy.write_bytes(made.outputs["csv"].read_bytes())
    read = tracker.run(clean, inputs={"raw": copy})
    up = tracker.lineage(read.outputs["table"])
    assert without_digests(str(up)).split("\n")[2:] == [
        f"   └─ raw: {copy} (file, 4 B)",
        "      └─ the same content: csv (bytes, 4 B)",
        "         └─ run ID export",
    ]
    (edge,) = [edge for edge in up.edges if edge.same_content]
    assert edge == Edge(f"runs/{made.run.id}/csv", up.nodes[2].id, "csv", same_content=True)
    down = tracker.lineage(made.outputs["csv"], "down")
    assert "as raw, the same content: run ID clean" in without_digests(str(down))


def test_a_file_that_was_there_before_is_not_linked(tracker, tmp_path):
    copy = tmp_path / "first.csv"
    copy.write_bytes(b"a,b\n")
    read = tracker.run(clean, inputs={"raw": copy})
    tracker.run(lambda: b"a,b\n", name="export", outputs=["csv"])
    assert "the same content" not in str(tracker.lineage(read))


def test_an_equal_output_of_another_run_leads_to_the_readers_too(tracker, chain, raw):
    """The second `clean` makes the same bytes, so `plot` is a hit: it was made from both."""
    other = tracker.run(clean, inputs={"raw": raw}, code_options=consist.CodeOptions(version="2"))
    hit = tracker.run(plot, config={"title": "T"}, inputs={"table": other.outputs["table"]}, outputs=["chart"])
    assert hit.cache_hit
    down = tracker.lineage(other.outputs["table"], "down")
    assert {node.name for node in down.nodes if node.kind == "run"} == {"plot", "join"}
    assert {edge.same_content for edge in down.edges if edge.source == down.root.id} == {True}


def test_what_this_machine_does_not_know_is_named_and_not_invented(tracker, chain):
    tracker.store.index.remove_run(chain[0].run.id)
    text = str(tracker.lineage("steps/plot/chart"))
    assert "table (of a run that is not here, 9 B" in text


def test_a_folder_is_a_file_too(tracker, tmp_path):
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "a.txt").write_text("a")
    tracker.run(lambda data: len(list(data.iterdir())), name="count", inputs={"data": folder})
    found = tracker.lineage(folder, "down")
    assert without_digests(str(found)).split("\n")[:2] == [f"{folder} (folder, 1 B)", "└─ run ID count"]


def test_as_plain_data(tracker, chain, raw):
    data = tracker.lineage("steps/clean/table").as_dict()
    assert json.loads(json.dumps(data)) == data
    run = chain[0].run
    digest = run.inputs["raw"].digest.hex
    assert data["root"] == f"runs/{run.id}/table"
    assert data["nodes"] == [
        {
            "id": f"runs/{run.id}/table",
            "kind": "output",
            "name": "table",
            "run_id": run.id,
            "digest": chain[0].outputs["table"].digest.hex,
            "size": 9,
            "format": "plain",
        },
        {"id": f"runs/{run.id}", "kind": "run", "name": "clean", "run_id": run.id, "status": "completed"},
        {
            "id": f"blobs/{digest} {raw}",
            "kind": "file",
            "name": str(raw),
            "digest": digest,
            "size": 8,
            "format": "file",
        },
    ]
    assert [(edge["source"], edge["target"], edge["name"]) for edge in data["edges"]] == [
        (f"runs/{run.id}", f"runs/{run.id}/table", "table"),
        (f"blobs/{digest} {raw}", f"runs/{run.id}", "raw"),
    ]


def test_as_mermaid_and_as_a_graph(tracker, chain):
    found = tracker.lineage("steps/clean/table")
    mermaid = found.to_mermaid().split("\n")
    assert mermaid[0] == "flowchart LR"
    assert mermaid[1].startswith('    n0["table #40;plain, 9 B, ')
    assert mermaid[-2:] == ['    n1 -->|"table"| n0', '    n2 -->|"raw"| n1']
    dot = found.to_dot().split("\n")
    assert (dot[0], dot[-1]) == ("digraph lineage {", "}")
    assert '    n1 -> n0 [label="table"];' in dot


HOSTILE = 'x"];\nclick <b>&\x1b[31m\\|`#quot;'


def test_hostile_names_stay_names():
    one, two = Node("1", OUTPUT, HOSTILE), Node("2", OUTPUT, HOSTILE)
    found = Lineage(one, "up", (one, two), (Edge("2", "1", HOSTILE),))
    for text in (str(found), found.to_mermaid(), found.to_dot()):
        assert "\x1b" not in text
        assert len(text.split("\n")) <= 6
    for line in found.to_mermaid().split("\n")[1:]:
        assert set(re.sub(r"#\d+;", "", line)) & set("<&\\`;") == set()
        assert line.count('"') == 2
    labels = re.findall(r'label=("(?:[^"\\]|\\.)*")', found.to_dot())
    assert len(labels) == 3
    assert all(json.loads(label) for label in labels)
    assert "<b>" not in found._repr_html_()


def test_deep_chains_and_rings_end(store_of_rings):
    """A store may say anything, also that two runs read each other's outputs; and a chain may be long."""
    store, ring, deep = store_of_rings
    for direction in ("up", "down", "both"):
        found = walk(store, ring, direction)
        assert len(found.nodes) == 4
        assert str(found).count("written out above") in {1, 2}
    chain = walk(store, deep, "up", most=10_000)
    assert len(chain.nodes) == 2 * 1500
    assert len(str(chain).split("\n")) == 2 * 1500


@pytest.fixture
def store_of_rings(tracker):
    from consist.hashing.hasher import hash_bytes
    from consist.index.records import ArtifactRecord, InputRecord, RunRecord, encode_record
    from consist.runs.lineage import output_node

    records = []

    def run(number, reads):
        run_id = f"{number:020x}"
        output = ArtifactRecord("o", hash_bytes(run_id.encode()), 1, "bytes", b"x")
        inputs = ()
        if reads is not None:
            place = f"{reads:020x}"
            inputs = (InputRecord("i", "artifact", hash_bytes(place.encode()), 1, f"runs/{place}/o"),)
        record = RunRecord(run_id, None, f"s{number}", "completed", number, number, inputs=inputs, outputs=(output,))
        records.append(record)
        return output_node(output, run_id, record)

    ring = [run(1, 2), run(2, 1)][0]
    nodes = [run(number, number - 1 if number > 100 else None) for number in range(100, 1600)]
    tracker.store.index.put_runs((record, encode_record(record)) for record in records)
    return tracker.store, ring, nodes[-1]


def test_what_cannot_be_asked(tracker, chain, tmp_path):
    with pytest.raises(errors.UsageError, match=r"direction is 'sideways' .*up, down, both"):
        tracker.lineage(chain[0], "sideways")
    with pytest.raises(errors.RunNotFoundError):
        tracker.lineage("0123")
    with pytest.raises(errors.InputError, match="there is no file"):
        tracker.lineage(tmp_path / "none")
    with pytest.raises(errors.UsageError, match="5 names no run"):
        tracker.lineage(5)
