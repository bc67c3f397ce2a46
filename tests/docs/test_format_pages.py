"""The tables and numbers of the format pages are those of the code; the pages' bytes are held by tests of their own."""

import dataclasses
import re
import struct
from pathlib import Path

import pytest

from consist.blobs import blobsource, chunklist, layout, manifest, pack, tree
from consist.hashing import codec, frame
from consist.hashing.chunker import ALGORITHM, Chunking
from consist.identity import signature
from consist.identity.code import walk
from consist.index import filestat, logobject, records, schema
from consist.runs import collect
from consist.runs.formats import containers, objects, parquet, plain, registry
from consist.store import config, latest

ROOT = Path(__file__).parents[2]
PAGES = {path.stem: path.read_text(encoding="utf-8") for path in sorted((ROOT / "docs").glob("format*.md"))}
STORE = PAGES["format"]


def table(first, after="\n"):
    """Return the rows of the first table with this heading that follows a text, each as its cells."""
    head = re.search(rf"^\| {re.escape(first)} \|.*\n\|[ |-]+\n((?:\|.*\n)+)", STORE.partition(after)[2], re.MULTILINE)
    assert head, first
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in head[1].splitlines()]


def codes(cell):
    return re.findall(r"`([^`]+)`", cell)


def test_the_frame_is_as_its_table_says():
    rows = table("offset")
    sizes = [struct.calcsize(f">{part}") for part in re.findall(r"\d*[a-zA-Z]", frame._HEADER.format)]
    offsets = [sum(sizes[:number]) for number in range(len(sizes) + 1)]
    assert [int(size) for _, size, _ in rows[: len(sizes)]] == sizes
    assert [int(offset) for offset, _, _ in rows[: len(offsets)]] == offsets
    assert rows[0][2] == f"magic `{frame.MAGIC.decode()}`"
    assert rows[1][2] == f"frame version: {frame.VERSION}"
    assert rows[2][2] == "kind: " + ", ".join(f"{kind.value} {kind.name.lower()}" for kind in frame.Kind)


def test_versions_are_the_codes_own():
    numbers = {what: number for what, number, _ in table("what") if what != "index"}
    (older,) = records._ITEMS.keys() - {records.VERSION}
    assert numbers == {
        "store (`consist.json`)": str(config.FORMAT),
        "frame": str(frame.VERSION),
        "record schema": f"{records.VERSION}; {older} is read",
        "tree, manifest, log, latest, lease, gc schema": str(tree.VERSION),
        "directory of a pack": str(pack.SCHEMA),
        "signature schema": str(signature.SCHEMA),
        "code schema, in the digest of code": str(walk.SCHEMA),
    }
    assert tree.VERSION == manifest.SCHEMA == logobject.EVENTS_VERSION == latest.SCHEMA
    assert f"| `version` | {parquet._VERSION}; a reader" in STORE
    assert f"The version described here is **{schema.VERSION}**." in PAGES["format-index"]


def test_a_record_has_the_items_of_its_table():
    rows = table("item")
    numbers = [int(number) for row in rows for number in row[0].split(", ")]
    assert numbers == list(range(records._ITEMS[records.VERSION]))
    fields = [name.replace("run id", "id").replace(" ", "_") for row in rows[1:] for name in row[1].split(", ")]
    assert fields == [field.name for field in dataclasses.fields(records.RunRecord) if field.name != "asked"]
    assert f"Version 0 ends after item {records._ITEMS[0] - 1}," in STORE
    statuses = {records.COMPLETED, records.FAILED, records.FORGOTTEN}
    assert {code.strip('"') for code in codes(rows[fields.index("status") + 1][2])} == statuses


@pytest.mark.parametrize(("after", "item"), [("## Log", logobject.Event), ("## Trees", tree.TreeFile)])
def test_events_and_entries_have_the_items_of_their_tables(after, item):
    names = getattr(item, "_fields", None) or [field.name for field in dataclasses.fields(item)]
    assert [row[1].replace(" ", "_") for row in table("item", after)] == list(names)


def test_kinds_of_events_are_all_there():
    (kinds,) = (row[2] for row in table("item", "## Log") if row[1] == "kind")
    assert set(codes(kinds)) == logobject.EVENT_KINDS


def test_formats_and_extensions_are_all_there():
    assert {*registry._FORMATS, registry.PICKLE, "file", records.TREE} == {
        codes(name)[0] for name, _ in table("format")
    }
    rows = table("code")
    assert [int(code) for row in rows for code in row[0].split(", ")] == list(range(plain._TUPLE, plain._PANDAS + 1))
    containers_of = next(row[2] for row in rows if int(row[0].partition(",")[0]) == plain._COLLECTED)
    assert set(codes(containers_of)) == {*containers._KINDS.values(), *containers._FACTORIES}
    assert {name for kind, _ in table("object") for name in codes(kind)} == set(objects._TAKE)


def test_the_tree_of_a_store_has_every_area():
    drawn = STORE.partition("```text\nSTORE/\n")[2].partition("```")[0]
    names = {line.split()[0].partition("/")[0] for line in drawn.splitlines()}
    areas = {value for name, value in vars(layout).items() if name.isupper()}
    assert names == areas | {f"{layout.TEMP}-…"}


def test_every_domain_is_on_a_page_and_no_other():
    said = {found for page in PAGES.values() for found in re.findall(r"`(consist 2026 [a-z ]+)`", page)}
    sources = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "consist").rglob("*.py"))
    assert said == set(re.findall(r'"(consist 2026 [a-z ]+)"', sources))


MIB = 1 << 20
CHUNKING = Chunking()


@pytest.mark.parametrize(
    ("page", "said"),
    [
        ("format", f"Content of up to {collect.INLINE_LIMIT:,} bytes that is an output"),
        ("format", f"Content of {blobsource.LARGE // MIB} MiB and more is cut by FastCDC 2020"),
        ("format", f"newest content of {blobsource.LARGE // MIB} MiB and more"),
        ("format", f'`algorithm` `"{ALGORITHM}"`'),
        ("format", f"(`min` {CHUNKING.min:,}, `average` {CHUNKING.average:,}, `max` {CHUNKING.max:,}, "),
        ("format", f"`normalisation` {CHUNKING.normalisation})"),
        ("format", f"takes its body to {pack.PACK_SIZE // MIB} MiB or more"),
        ("format", f"4 bytes: magic `{pack.MAGIC.decode()}`"),
        ("format", f"A row is {pack._ROW.size} bytes"),
        ("format", f"| packs | bytes, {manifest._PACK.size} each"),
        ("format", f"| chunks | bytes, {chunklist._ROW.size} each"),
        ("format", f"more than {codec.MAX_BYTES // MIB} MiB"),
        ("format", f"more than {codec.MAX_ITEMS:,} items"),
        ("format", f"at most {logobject.MAX_EVENTS:,} events"),
        ("format", f"at most {logobject.MAX_EVENT_TEXT:,} characters"),
        ("format", f"longer than {tree.MAX_PART} bytes of UTF-8, and is not longer than {tree.MAX_PATH:,} itself"),
        (
            "format-index",
            f"more than {schema.MAX_NAME} bytes, or has a zero byte: its first {schema.MAX_NAME - schema._CUT}",
        ),
        ("format-index", f"cut at {filestat._MAX_PATH - schema._CUT} bytes if it has more than {filestat._MAX_PATH}"),
        ("format-index", f"then {schema.CHECK_SIZE} bytes of check"),
    ],
)
def test_numbers_are_the_codes_own(page, said):
    assert said in " ".join(PAGES[page].split())
