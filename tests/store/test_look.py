"""What a path is and what lies below it, of a store whose content was put by hand."""

from dataclasses import replace

import pytest

from consist import errors
from consist.blobs.tree import TreeFile, encode_tree, make_tree
from consist.index.records import ArtifactRecord
from consist.store.listing import list_path, look
from consist.store.publish import keep, publish

A, B = b"content of a " * 200, b"content of b"


@pytest.fixture
def made(store, by_hand):
    """Two runs of a step; the older one has an output that is a folder."""
    files = [TreeFile(path, len(data), executable=False, digest=by_hand.digest(data)) for path, data in TREE.items()]
    encoded = encode_tree(make_tree(files, ["x/empty"]))
    for data in (A, B, encoded):
        store.blobs.put_bytes(data)
    tree = ArtifactRecord("folder", by_hand.digest(encoded), len(encoded), "tree", media={"total": len(A) + len(B)})
    old = by_hand.record(store, id="a" * 20, step="clean", started=10_000_000, signature=by_hand.signature("old"))
    old = replace(old, outputs=(*old.outputs, tree))
    new = by_hand.record(store, id="b" * 20, step="clean", started=20_000_000, inline=b"small")
    publish(store, old)
    keep(store, new)
    return old, new


TREE = {"x/a": A, "x/y/b": B}


def shown(entry):
    return entry.name, entry.path, entry.kind, entry.size, entry.run, entry.step


def both(store, path):
    entry, below = look(store, path)
    return shown(entry), [shown(each) for each in below]


def test_the_areas(store, made):
    root, below = look(store)
    assert (root.path, root.kind, root.is_listed) == ("", "area", True)
    assert [(each.path, each.kind) for each in below] == [("blobs", "area"), ("runs", "area"), ("steps", "area")]


def test_the_runs_and_a_run(store, made):
    new, old = (
        ("b" * 20, "runs/" + "b" * 20, "run", None, "b" * 20),
        ("a" * 20, "runs/" + "a" * 20, "run", None, "a" * 20),
    )
    assert both(store, "runs") == (("runs", "runs", "area", None, None, None), [(*new, "clean"), (*old, "clean")])
    entry, below = look(store, "runs/aa")
    assert (shown(entry), entry.time) == ((*old, "clean"), 10_000_000)
    assert [(each.name, each.path, each.time) for each in below] == [
        ("out", f"runs/{'a' * 20}/out", 10_000_000),
        ("folder", f"runs/{'a' * 20}/folder", 10_000_000),
    ]


def test_a_step_has_the_newest_of_each_output(store, made):
    entry, below = both(store, "steps/clean")
    assert entry == ("clean", "steps/clean", "step", None, None, "clean")
    assert below == [
        ("out", "steps/clean/out", "output", 5, "b" * 20, "clean"),
        ("folder", "steps/clean/folder", "output", len(A) + len(B), "a" * 20, "clean"),
    ]


def test_an_output_that_is_a_folder(store, made):
    entry, below = look(store, "steps/clean/folder/x")
    path = "steps/clean/folder/x"
    assert shown(entry) == ("x", path, "folder", len(A) + len(B), "a" * 20, "clean")
    assert [shown(each) for each in below] == [
        ("a", f"{path}/a", "file", len(A), "a" * 20, "clean"),
        ("empty", f"{path}/empty", "folder", 0, "a" * 20, "clean"),
        ("y", f"{path}/y", "folder", len(B), "a" * 20, "clean"),
    ]
    assert both(store, f"{path}/y/b") == (("b", f"{path}/y/b", "file", len(B), "a" * 20, "clean"), [])


def test_the_digest_of_a_part_of_a_folder_is_that_of_a_tree(store, made, by_hand):
    part = encode_tree(make_tree([TreeFile("b", len(B), executable=False, digest=by_hand.digest(B))]))
    assert look(store, "steps/clean/folder/x/y")[0].digest == by_hand.digest(part)
    assert look(store, "steps/clean/folder/x/y/b")[0].digest == by_hand.digest(B)


def test_a_blob_by_its_beginning(store, made, by_hand):
    digest = by_hand.digest(A)
    whole = digest.raw.hex()
    for path in (f"blobs/{whole}", f"blobs/{whole[:12]}"):
        entry, below = look(store, path)
        assert shown(entry) == (whole, f"blobs/{whole}", "blob", len(A), None, None)
        assert entry.time == int(by_hand.path(store, "blobs", digest).stat().st_mtime * 1_000_000)
        assert list(below) == []


def test_what_is_no_folder_lists_itself(store, made):
    for path in ("runs/aaa/out", "steps/clean/folder/x/y/b"):
        assert list(list_path(store, path)) == [look(store, path)[0]]


def test_nothing_is_read_before_it_is_asked_for(store, made, by_hand):
    """A tree that is gone is noticed when it is listed."""
    store.blobs.delete(made[0].outputs[1].digest)
    entry, below = look(store, "steps/clean/folder")
    assert entry.is_folder
    with pytest.raises(errors.DamagedError):
        next(below)


@pytest.mark.parametrize("path", ["runs/c", "steps/none", "steps/clean/none", "blobs/" + "0" * 64, "steps/clean/out/x"])
def test_what_is_not_there(store, made, path):
    with pytest.raises(FileNotFoundError):
        look(store, path)
