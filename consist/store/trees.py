"""`Trees`: the trees that a process has read from a store, as long as they are few.

A reader of a folder of many files asks for one file after the other, and each is found through the folder's tree: of
10,000 files that takes 60 ms to check and decode, and 2 µs to look into. A tree is named by its content, so
what is remembered of it is right for ever.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from consist.blobs.damage import HINT
from consist.errors import BlobNotFoundError, DamagedError

if TYPE_CHECKING:
    from consist.blobs.blobstore import BlobStore
    from consist.blobs.tree import Tree
    from consist.hashing.digest import Digest

MOST_FILES = 200_000
"""Files of all remembered trees together: about 55 MB."""


class Trees:
    """The trees of one store.

    Parameters
    ----------
    blobs : BlobStore
        Where they are.
    """

    def __init__(self, blobs: BlobStore) -> None:
        self._blobs = blobs
        self._known: dict[Digest, Tree] = {}

    def read(self, digest: Digest) -> Tree:
        """Return a tree; the first time it is read, checked, from the store.

        Raises
        ------
        DamagedError
            If it is damaged, or not in the store: some record names it. It is a suspect then.
        """
        tree = self._known.get(digest)
        if tree is None:
            tree = self._read(digest)
            if sum(map(_files, [*self._known.values(), tree])) > MOST_FILES:
                self._known.clear()
            self._known[digest] = tree
        return tree

    def _read(self, digest: Digest) -> Tree:
        from consist.blobs.treeget import read_tree  # a run without folders does without

        try:
            return read_tree(self._blobs, digest)
        except BlobNotFoundError as error:
            self._blobs.suspects.add(digest)
            raise DamagedError(f"the tree of a folder is gone: {error.message}", hint=HINT) from error


def _files(tree: Tree) -> int:
    return len(tree.files) + len(tree.empty)
