"""Trees that were read are remembered, by what they are; and not too many of them."""

import pytest

from consist.blobs.tree import TreeFile, encode_tree, make_tree
from consist.errors import DamagedError
from consist.hashing.hasher import hash_bytes
from consist.store import trees


def put(store, *names):
    tree = make_tree([TreeFile(name, 0, executable=False, digest=hash_bytes(b"")) for name in names])
    return store.blobs.put_bytes(encode_tree(tree)).digest, tree


def test_a_tree_is_read_once(store):
    digest, tree = put(store, "a", "b/c")
    assert store.trees.read(digest) == tree
    store.blobs.delete(digest)
    assert store.trees.read(digest) is store.trees.read(digest)


def test_one_that_was_never_there_is_not_made_up(store):
    digest = hash_bytes(b"no tree")
    with pytest.raises(DamagedError):
        store.trees.read(digest)
    assert digest in store.blobs.suspects  # so that the run that made it is run again


def test_too_many_are_let_go(store, monkeypatch):
    monkeypatch.setattr(trees, "MOST_FILES", 3)
    first, _ = put(store, "a", "b")
    second, tree = put(store, "c", "d")
    store.trees.read(first)
    store.trees.read(second)
    for digest in (first, second):
        store.blobs.delete(digest)
    assert store.trees.read(second) == tree
    with pytest.raises(DamagedError):
        store.trees.read(first)
