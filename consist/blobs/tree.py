"""Trees: folders as values. A tree lists the files of a folder, each by path, size, executable bit and digest.

Its encoding is the content of a blob, so a folder has a digest like anything else; ``docs/format.md`` specifies it.
Nothing here touches a file: ``folderscan.py`` reads a folder, ``treeput.py`` stores one, ``treeget.py`` restores it.

Paths are checked here, as data, when a tree is made and when one is read, so a `Tree` with a path that leads out of
its folder cannot exist. Nobody decodes, cleans or joins them in another way later.
"""

from __future__ import annotations

import itertools
import re
import unicodedata
from bisect import bisect_left
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from consist.errors import DamagedError, FormatError, UsageError
from consist.hashing.codec import MAX_BYTES, pack, unpack
from consist.hashing.digest import Digest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

VERSION = 0

MAX_PATH = 4096
MAX_PART = 255
"""Bytes in a path, and in one of its parts: no file system that we know takes more."""

_MAX_SIZE = 1 << 63
_HARMFUL_PART = re.compile(r"(?:^|/)(?P<part>|\.|\.\.)(?:/|\Z)")
_HARMFUL_CHARACTER = re.compile(r"[\x00-\x1f\x7f-\x9f\\]")
_NO_TEXT = re.compile(r"[\ud800-\udfff]")
_DRIVE = re.compile(r"[A-Za-z]:")
_AFTER_SLASH = "0"
"""The character after ``/``: between the two lies, in sorted order, all that is below a folder."""


class TreeFile(NamedTuple):
    """A file of a tree.

    Attributes
    ----------
    path : str
        Relative to the tree, with ``/`` between its parts.
    size : int
        Bytes.
    executable : bool
        Whether its owner may execute it.
    digest : Digest
        Of its content, which is a blob of its own.
    """

    path: str
    size: int
    executable: bool
    digest: Digest


class Child(NamedTuple):
    """What lies at the top of a tree.

    Attributes
    ----------
    name : str
        Its name.
    size : int
        Bytes; of a folder, of all files below it.
    file : TreeFile or None
        The file; None if it is a folder.
    """

    name: str
    size: int
    file: TreeFile | None


@dataclass(frozen=True, slots=True)
class Tree:
    """The content of a folder.

    Attributes
    ----------
    files : tuple of TreeFile
        In order of their paths.
    empty : tuple of str
        Paths of the folders with nothing in them, in order. Other folders are there because files are in them.

    Raises
    ------
    UsageError
        If a path could lead out of the folder, or is not one that every system has; if two are the same; or if one
        is a file and a folder.

    Examples
    --------
    >>> from consist.hashing.hasher import hash_bytes
    >>> tree = make_tree([TreeFile("b/c", 1, False, hash_bytes(b"x")), TreeFile("a", 0, False, hash_bytes(b""))])
    >>> [file.path for file in tree.files], tree.total
    (['a', 'b/c'], 1)
    >>> decode_tree(encode_tree(tree)) == tree
    True
    >>> make_tree([TreeFile("../x", 1, False, hash_bytes(b"x"))])
    Traceback (most recent call last):
    consist.errors.UsageError: '../x' cannot be a path in a tree: it has the part '..' (rename it)
    """

    files: tuple[TreeFile, ...]
    empty: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for path in (*(file.path for file in self.files), *self.empty):
            check_path(path)
        _check_order([file.path for file in self.files])
        _check_order(list(self.empty))
        _check_kinds(self)

    @property
    def total(self) -> int:
        """Bytes of content: of all files together."""
        return sum(file.size for file in self.files)

    def find(self, path: str) -> TreeFile | Tree | None:
        """Return the file at a path; or of a folder, what is below it, as a tree; or None.

        Paths are compared with those of the tree, character by character: one that is not in it leads nowhere.
        """
        at = bisect_left(self.files, path, key=_path_of)
        if at < len(self.files) and self.files[at].path == path:
            return self.files[at]
        files = self.files[_below(self.files, path, _path_of)]
        empty = self.empty[_below(self.empty, path, str)]
        if not files and not empty and path not in self.empty:
            return None
        cut = len(path) + 1
        return Tree(tuple(file._replace(path=file.path[cut:]) for file in files), tuple(name[cut:] for name in empty))

    def children(self) -> list[Child]:
        """Return the files and folders at the top, in order of their names."""
        folders: dict[str, int] = {}
        files = []
        for file in self.files:
            top, inside, _ = file.path.partition("/")
            if inside:
                folders[top] = folders.get(top, 0) + file.size
            else:
                files.append(Child(top, file.size, file))
        for path in self.empty:
            folders.setdefault(path.partition("/")[0], 0)
        return sorted([*files, *(Child(name, size, None) for name, size in folders.items())])


def make_tree(files: Iterable[TreeFile], empty: Iterable[str] = ()) -> Tree:
    """Make a tree of files and empty folders in any order; `Tree` says what is refused."""
    return Tree(tuple(sorted(files, key=_path_of)), tuple(sorted(empty)))


def encode_tree(tree: Tree) -> bytes:
    """Return the content of the blob that a tree is.

    Raises
    ------
    UsageError
        If there are so many files that no reader would take it.
    """
    data = pack([VERSION, _entries(tree)])
    if len(data) > MAX_BYTES:
        raise UsageError(
            f"a folder of {len(tree.files):,} files is too large for a tree: its list has {len(data):,} bytes",
            hint="pack the files into fewer ones",
        )
    return data


def decode_tree(data: bytes) -> Tree:
    """Read what `encode_tree` made, and nothing else: of one folder there is exactly one encoding.

    Raises
    ------
    FormatError
        If a newer consist wrote it.
    DamagedError
        If it is anything else: whatever made it, nothing in it is used.
    """
    content = unpack(data)
    if type(content) is not list or not content or type(content[0]) is not int:
        raise DamagedError("it is no tree: it has no version")
    if content[0] > VERSION:
        raise FormatError(f"a tree of version {content[0]}; this consist reads up to {VERSION}", hint="upgrade consist")
    try:
        _, entries = content
        files = tuple(_file(*entry) for entry in entries if not _is_folder(entry))
        empty = sorted(_folder(*entry) for entry in entries if _is_folder(entry))
        tree = Tree(files, tuple(empty))  # which refuses names that are there twice; their order is compared below
    except (TypeError, ValueError, AttributeError) as error:
        reason = error.message if isinstance(error, UsageError) else str(error)
        raise DamagedError(f"it is no tree: {reason}") from error
    if pack([VERSION, _entries(tree)]) != data:
        raise DamagedError("it is no tree: its entries are not in order, or not written in the shortest way")
    return tree


def check_path(path: str) -> None:
    """Refuse what cannot be a path in a tree.

    Raises
    ------
    UsageError
        The message says why.

    Examples
    --------
    >>> check_path("a/b.txt")
    >>> check_path("/etc/passwd")
    Traceback (most recent call last):
    consist.errors.UsageError: '/etc/passwd' cannot be a path in a tree: it is absolute (rename it)
    """
    objection = _objection(path)
    if objection is not None:
        raise UsageError(f"{path!r:.300} cannot be a path in a tree: {objection}", hint="rename it")


def _objection(path: str) -> str | None:
    """Say what is wrong with a path; every system must take it, and take it for the same."""
    if type(path) is not str:
        return f"it is {type(path).__name__}, not text"
    if path.startswith("/") or _DRIVE.match(path):
        return "it is absolute" if path.startswith("/") else "it begins with a drive"
    part = _HARMFUL_PART.search(path)
    if part is not None:
        return f"it has the part {part['part']!r}" if part["part"] else "it has an empty part"
    if _HARMFUL_CHARACTER.search(path):
        return "it holds a backslash" if "\\" in path else "it holds a control character"
    if path.isascii():
        return _too_long(path)
    if _NO_TEXT.search(path):
        return "it is not UTF-8"
    return _too_long(path) if unicodedata.is_normalized("NFC", path) else "it is not in Unicode's composed form (NFC)"


def _too_long(path: str) -> str | None:
    if len(path) * 4 < MAX_PART:  # the longest UTF-8 form of so many characters
        return None
    raw = path.encode()
    if len(raw) > MAX_PATH or max(map(len, raw.split(b"/"))) > MAX_PART:
        return f"it is longer than {MAX_PATH} bytes, or a part of it than {MAX_PART}"
    return None


def _check_order(paths: list[str]) -> None:
    """Characters sort as their UTF-8 does, so texts can be compared as they are."""
    for before, after in itertools.pairwise(paths):
        if before >= after:
            raise UsageError(f"{after!r:.300} is there twice" if before == after else f"{after!r:.300} is out of order")


def _check_kinds(tree: Tree) -> None:
    """Refuse a file that is also a folder, and an empty folder that is not empty."""
    folders: set[str] = set()
    for path in (*(file.path for file in tree.files), *tree.empty):
        above = path.rpartition("/")[0]
        while above and above not in folders:
            folders.add(above)
            above = above.rpartition("/")[0]
    empty = set(tree.empty)
    for file in tree.files:
        if file.path in folders or file.path in empty:
            raise UsageError(f"{file.path!r:.300} is a file and a folder")
    for path in tree.empty:
        if path in folders:
            raise UsageError(f"the folder {path!r:.300} is empty and is not")


def _entries(tree: Tree) -> list[list[Any]]:
    """List files and empty folders together, sorted; of a folder the path ends in a slash."""
    entries: list[list[Any]] = [[file.path, file.size, file.executable, file.digest.raw] for file in tree.files]
    if tree.empty:
        entries += ([f"{path}/", 0, False, None] for path in tree.empty)
        entries.sort(key=lambda entry: entry[0])
    return entries


def _is_folder(entry: Any) -> bool:
    return type(entry) is list and bool(entry) and type(entry[0]) is str and entry[0].endswith("/")


def _file(path: str, size: int, executable: bool, raw: bytes) -> TreeFile:
    if type(size) is not int or not 0 <= size < _MAX_SIZE or type(executable) is not bool:
        raise TypeError("a file's size or executable bit is of another type")
    return TreeFile(path, size, executable, Digest(raw))


def _folder(path: str, size: int, executable: bool, raw: None) -> str:
    if size != 0 or executable or raw is not None:
        raise TypeError("an empty folder has what only files have")
    return path[:-1]


def _path_of(file: TreeFile) -> str:
    return file.path


def _below(items: Sequence[Any], folder: str, key: Callable[[Any], str]) -> slice:
    """Find what lies below a folder in a sorted list."""
    return slice(bisect_left(items, f"{folder}/", key=key), bisect_left(items, folder + _AFTER_SLASH, key=key))
