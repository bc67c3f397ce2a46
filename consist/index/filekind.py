"""What a file is, told from its bytes before LMDB touches it; and what its folder lies on.

LMDB maps a file and believes it: another kind of database must be refused before, and a file that was cut short would
kill the process (SIGBUS). Nothing here imports LMDB or changes anything.
"""

from __future__ import annotations

import os
import struct
from enum import Enum

from consist.errors import DamagedError, FormatError
from consist.fileops import storage_error

_OTHERS = (
    (8, b"DUCK", "a DuckDB database"),
    (0, b"SQLite format 3\x00", "an SQLite database"),
    (0, b"\x89HDF\r\n\x1a\n", "an HDF5 file"),
    (0, b"PAR1", "a Parquet file"),
    (0, b"ARROW1", "an Arrow file"),
    (0, b"PK\x03\x04", "a ZIP archive"),
    (0, b"PK\x05\x06", "a ZIP archive"),
    (0, b"\x1f\x8b", "a gzip file"),
    (0, b"\x28\xb5\x2f\xfd", "a zstd file"),
    (0, b"\x93NUMPY", "a NumPy array"),
    (0, b"CNST", "an object of a consist store"),
    (0, b"%PDF-", "a PDF document"),
    (0, b"\x89PNG", "a PNG image"),
    (0, b"\x7fELF", "a program"),
)
_ZEROS = "a file of zeros"
_UNKNOWN = "a file of a kind that consist does not know"
_LMDB_MAGIC = struct.pack("=I", 0xBEEFC0DE)
_FOREIGN_MAGIC = _LMDB_MAGIC[::-1]
# Where the magic stands: LMDB 0.9 has page headers of 16 bytes, LMDB 1.0 of 24, 32-bit builds of 12.
_MAGIC_AT = {16: "", 24: "1.0", 12: "of a 32-bit machine"}
_HEAD = 4096
_PAGE_SIZES = (4096, 8192, 16384, 32768, 65536)
_BLOCK = 1 << 20
_META_END = 152
"""Bytes from the start of a header page to the end of what LMDB keeps there."""

REBUILD_HINT = "run `consist index rebuild`: the index is made anew from the store"
HINT = "choose another db_path; consist never overwrites a file that is not its own"


class Kind(Enum):
    """What stands at the path of an index."""

    NEW = "new"
    """Nothing, an empty file, or one that LMDB had only begun to make when it was killed: a new index is made of it,
    since there is nothing in it to lose."""
    LMDB = "lmdb"
    """An LMDB file of the format that consist writes; perhaps not consist's."""


def file_kind(path: str) -> Kind:
    """Tell what stands at a path.

    Parameters
    ----------
    path : str
        Where the index is, or will be.

    Raises
    ------
    FormatError
        If it is anything but an LMDB file of the right format, with what it is and what to do.
    StorageError
        If it cannot be read.
    """
    try:
        with open(path, "rb", buffering=0) as stream:  # noqa: PTH123 - paths are plain strings in this layer
            head = stream.read(_HEAD) or b""
            size = os.fstat(stream.fileno()).st_size
    except FileNotFoundError:
        return Kind.NEW
    except IsADirectoryError:
        raise FormatError(f"{path} is a folder; an index is one file", hint="choose another db_path") from None
    except OSError as error:
        raise storage_error("read", path, error) from error
    if not head:
        return Kind.NEW
    if _is_header(head):
        return Kind.NEW if _is_begun(head, size) else Kind.LMDB
    if any(_is_header(_read_at(path, size, _HEAD)) for size in _PAGE_SIZES):
        raise DamagedError(f"the first page of the LMDB database {path} is damaged", hint=REBUILD_HINT)
    raise FormatError(f"{path} is {_describe(head)}, not an index of consist", hint=HINT)


def _is_header(page: bytes) -> bool:
    return page[16:20] == _LMDB_MAGIC and page[20:24] == struct.pack("=I", 1)


def _is_begun(head: bytes, size: int) -> bool:
    """Tell whether the second header page is not there, and no transaction in the first.

    Both are written at once; the system ends that after any page, if the process is killed.
    """
    if len(head) < _META_END:
        return False
    [page_size], [number] = struct.unpack_from("=I", head, 40), struct.unpack_from("=Q", head, _META_END - 8)
    return bool(number == 0 and size < page_size + _META_END)


def _read_at(path: str, offset: int, count: int) -> bytes:
    with open(path, "rb", buffering=0) as stream:  # noqa: PTH123 - as above
        stream.seek(offset)
        return stream.read(count) or b""


def _describe(head: bytes) -> str:
    for offset, magic, what in _OTHERS:
        if head[offset : offset + len(magic)] == magic:
            return what
    for offset, version in _MAGIC_AT.items():
        if head[offset : offset + 4] == _LMDB_MAGIC:
            return f"an LMDB database {version}".rstrip() if version else "an LMDB database of another version"
        if head[offset : offset + 4] == _FOREIGN_MAGIC:
            return "an LMDB database of a machine with another byte order"
    if not head.strip(b"\x00"):
        return _ZEROS
    return "a text file" if _is_text(head) else _UNKNOWN


def _is_text(head: bytes) -> bool:
    # The end may fall within a character, so up to 3 bytes at the end do not count.
    for cut in range(4):
        try:
            text = head[: len(head) - cut].decode()
        except UnicodeDecodeError:
            continue
        return all(letter.isprintable() or letter in "\t\r\n\f" for letter in text)
    return False


def missing_bytes(path: str) -> int | None:
    """Return how many bytes a file falls short of what its LMDB header says: 0 if it is whole, None without a header.

    Parameters
    ----------
    path : str
        An LMDB file of `Kind.LMDB`; others may be writing to it.

    Notes
    -----
    A file that is not short cannot raise SIGBUS. A good file can be short too, in theory: pages at its end that were
    taken and freed in one transaction are never written. So a short file is to be verified page by page.
    """
    header = _header(path)
    if header is None:
        return None
    page_size, pages = header
    last_page, _ = max(pages, key=lambda item: item[1])  # of the newer transaction
    # The size is looked at last: a writer makes the file longer before it says so in the header.
    return max(0, (last_page + 1) * page_size - os.stat(path).st_size)  # noqa: PTH116 - as above


def commits(path: str) -> list[int] | None:
    """Return the numbers of the last two transactions, which differ once somebody committed; None without a header.

    Pages that the last commit made are not written to before the second next one.
    """
    header = _header(path)
    return None if header is None else [number for _, number in header[1]]


def _header(path: str) -> tuple[int, list[tuple[int, int]]] | None:
    """Return the size of a page and, of both header pages, which page is the last, as of which transaction."""
    first = _read_at(path, 0, _META_END)
    page_size = struct.unpack_from("=I", first, 40)[0] if len(first) == _META_END else 0
    second = _read_at(path, page_size, _META_END)
    if page_size not in _PAGE_SIZES or len(second) < _META_END:
        return None
    return page_size, [struct.unpack_from("=QQ", page, 136) for page in (first, second)]


def is_on_read_only(path: str) -> bool:
    """Tell whether the filesystem that a file lies on cannot be written to by anybody."""
    return bool(os.statvfs(path).f_flag & os.ST_RDONLY)


def is_unknown(path: str) -> bool:
    """Tell whether a file is of no kind that is known here: zeros, or bytes without a meaning; a damaged one may be.

    Text and the files of other programs are known.
    """
    head = _read_at(path, 0, _HEAD)
    return bool(head) and not _is_header(head) and _describe(head) in {_ZEROS, _UNKNOWN}


def is_lock(path: str) -> bool:
    """Tell whether a file is one in which LMDB keeps locks."""
    try:
        return _read_at(path, 0, 4) == _LMDB_MAGIC
    except OSError:
        return False


def is_ours(path: str, magic: bytes) -> bool:
    """Tell whether a file is an index of consist, or what is left of one: by its bytes, damaged as they may be.

    Parameters
    ----------
    path : str
        A file that is to be deleted, or moved aside.
    magic : bytes
        What the index says of itself; in the file it stands right after its key.
    """
    wanted = b"magic" + magic
    with open(path, "rb") as stream:  # noqa: PTH123 - as above
        tail = b""
        while block := stream.read(_BLOCK):
            if wanted in tail + block:
                return True
            tail = block[-len(wanted) :]
        return stream.tell() == 0


# Byte ranges locked by fcntl and shared maps are not to be relied on there; LMDB's documentation says never.
_NETWORK = frozenset(
    (
        "9p",
        "acfs",
        "afs",
        "afpfs",
        "beegfs",
        "beegfs_nodev",
        "ceph",
        "cifs",
        "coda",
        "davfs",
        "fhgfs",
        "glusterfs",
        "gpfs",
        "lustre",
        "ncpfs",
        "nfs",
        "nfs4",
        "ocfs2",
        "orangefs",
        "panfs",
        "pvfs2",
        "smb2",
        "smb3",
        "smbfs",
        "webdav",
        "wekafs",
    )
)
_NETWORK_FUSE = (
    "sshfs",
    "s3fs",
    "gcsfuse",
    "ceph",
    "gluster",
    "rclone",
    "davfs",
    "goofys",
    "beegfs",
    "blobfuse",
    "juicefs",
)


def network_filesystem(path: str, mounts: str = "/proc/mounts") -> str | None:
    """Return the type of the network filesystem that a path lies on; None if it is local, or cannot be told.

    Parameters
    ----------
    path : str
        Absolute, symbolic links resolved.
    mounts : str
        The table of mounts; systems without it are not looked at.
    """
    try:
        with open(mounts, encoding="utf-8", errors="surrogateescape") as stream:  # noqa: PTH123 - as above
            rows = [line.split(" ") for line in stream]
    except OSError:
        return None
    best, kind = "", ""
    for _device, mounted_at, row_kind, *_ in rows:
        point = _unescape(mounted_at)
        if len(point) >= len(best) and (path == point or path.startswith(point.rstrip("/") + "/")):
            best, kind = point, row_kind
    fuse = kind.startswith("fuse.") and any(word in kind for word in _NETWORK_FUSE)
    return kind if kind in _NETWORK or fuse else None


def _unescape(point: str) -> str:
    for code, letter in (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")):
        point = point.replace(code, letter)
    return point
