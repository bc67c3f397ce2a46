"""Where each object of a store lies: the only place that knows paths.

Keys are relative to the store's root and use ``/``. Digest-first names spread over 256 folders, which keeps
directories small on disk and lets an object store split its key space.
"""

from __future__ import annotations

from consist.errors import DamagedError
from consist.hashing.digest import Digest

CONFIG = "consist.json"
BLOBS = "blobs"
PACKS = "packs"
MANIFESTS = "manifests"
RESULTS = "results"
RUNS = "runs"
LOG = "log"
LATEST = "latest"
LEASES = "leases"
GC = "gc"
PROBE = "probe"
"""Objects that `consist doctor` makes and removes; nothing else looks at them."""
TEMP = "tmp"
"""Objects on their way, on a backend of local files; beside it, ``tmp-<random>`` while it is being made."""
LOCK = "lock"
"""What a backend of local files locks for compare-and-swap and deletion; always empty."""
LOCKS = "locks"
CACHEDIR_TAG = "CACHEDIR.TAG"


def digest_key(area: str, digest: Digest) -> str:
    """Key of the object that `digest` names in an area.

    Examples
    --------
    >>> from consist.hashing.hasher import hash_bytes
    >>> digest_key(BLOBS, hash_bytes(b""))[:18]
    'blobs/af/1349b9f5f'
    """
    name = digest.hex
    return f"{area}/{name[:2]}/{name[2:]}"


def key_digest(key: str) -> Digest:
    """Digest that a key was made of.

    Raises
    ------
    DamagedError
        If no digest makes such a key: something foreign lies in the store.

    Examples
    --------
    >>> from consist.hashing.hasher import hash_bytes
    >>> key_digest(digest_key(BLOBS, hash_bytes(b"x"))) == hash_bytes(b"x")
    True
    """
    try:
        _, head, tail = key.split("/")
        return Digest.parse(head + tail)
    except ValueError:
        raise DamagedError(f"{key} is not a name that consist gives") from None


def run_key(run_id: str) -> str:
    """Key of the record of a run that no signature leads to."""
    return f"{RUNS}/{run_id}"


def is_own(key: str) -> bool:
    """Tell a backend's own names, and hidden ones, from those of objects: no listing has them.

    Hidden files are what network filesystems, desktops and tools for buckets leave.

    Examples
    --------
    >>> [is_own(key) for key in ("blobs/ab/cd", "tmp/0f3a", "lock", "blobs/.DS_Store")]
    [False, True, True, True]
    """
    top = key.partition("/")[0]
    return top in {TEMP, LOCK} or top.startswith(f"{TEMP}-") or key.startswith(".") or "/." in key
