"""``consist.json``: what a store is. Created once, never changed, and refused if a newer consist made it."""

from __future__ import annotations

import contextlib
import json
import os
import re
from typing import TYPE_CHECKING, Any, NamedTuple

from consist.blobs import layout
from consist.blobs.sharing import PRIVATE, SHARINGS
from consist.errors import (
    AlreadyExistsError,
    BlobNotFoundError,
    ConsistError,
    DamagedError,
    FormatError,
    NotFoundError,
)
from consist.hashing.chunker import Chunking
from consist.hashing.hasher import hash_bytes

if TYPE_CHECKING:
    from consist.blobs.backend import Backend

FORMAT = 0
"""0 until the first release, with no promise to readers; then 1."""

MAKE_ANEW = (
    "let `consist put FILE --create` (--sharing as before) or a Tracker make a new one, then `consist index rebuild`"
)
"""What to do about a config that is gone, where the content of its store is not."""

_ID = re.compile(r"[0-9a-f]{32}\Z")

_CACHEDIR_TAG = b"""Signature: 8a477f597d28d172789f06886806bc55
# This folder is a store of consist; backup tools may leave it out.
"""


class StoreConfig(NamedTuple):
    """What ``consist.json`` says.

    Attributes
    ----------
    format : int
        Version of the store's format.
    id : str
        32 hexadecimal digits, random: two stores are one exactly if their ids are.
    hash : str
        ``blake3``.
    sharing : str
        ``private``: folders for their owner alone; ``group-read``: the folder's group may read; ``group``: and write.
    chunking : dict
        Where large content is cut (`Chunking.parse` reads it). Written once, so that a store never holds two cuttings
        of one content.
    """

    format: int
    id: str
    hash: str
    sharing: str
    chunking: dict[str, Any]


class Loaded(NamedTuple):
    """A store's config, and how it was come by.

    Attributes
    ----------
    config : StoreConfig
        What the store is.
    is_new : bool
        It was made now.
    has_content : bool
        It was made now in a folder with the content of a store, whose config is gone.
    """

    config: StoreConfig
    is_new: bool = False
    has_content: bool = False


def load_or_create(backend: Backend, *, sharing: str = PRIVATE) -> Loaded:
    """Read a store's config; make it if there is none, which makes the store.

    Raises
    ------
    FormatError
        If a newer consist made the store.
    DamagedError
        If ``consist.json`` is there and cannot be read.
    """
    found = load(backend)
    if found is not None:
        return Loaded(found)
    has_content = backend.capabilities.files and holds_content(backend)  # a bucket would be asked for nothing, mostly
    config = StoreConfig(FORMAT, os.urandom(16).hex(), "blake3", sharing, Chunking().as_json())
    try:
        backend.create(layout.CONFIG, encode(config))
        backend.put(layout.CACHEDIR_TAG, _CACHEDIR_TAG)
    except AlreadyExistsError:  # another process made the store at the same time: its config holds
        found = load(backend)
        if found is None:
            raise
        return Loaded(found)
    return Loaded(config, is_new=True, has_content=has_content)


def holds_content(backend: Backend) -> bool:
    """Tell whether there is content of a store, whether or not it has a config."""
    return any(next(iter(backend.list(area)), None) is not None for area in (layout.RESULTS, layout.RUNS, layout.BLOBS))


def lost_config(backend: Backend) -> NotFoundError | None:
    """Return what to raise where there is no config, but the content of a store."""
    with contextlib.suppress(ConsistError):  # a place that may not be listed, or does not answer any more
        if holds_content(backend):
            return NotFoundError(
                f"there is no {layout.CONFIG} in {backend.url}, which has the content of a store",
                hint=f"restore it from a copy of the store, or {MAKE_ANEW}",
            )
    return None


def no_store(backend: Backend) -> NotFoundError:
    """Return what to raise where there is no config: perhaps that alone is gone."""
    return lost_config(backend) or NotFoundError(
        f"there is no store at {backend.url}",
        hint="check the place, or name where it was moved to; a Tracker makes a store",
    )


def load(backend: Backend) -> StoreConfig | None:
    """Read a store's config, or return None where there is no store."""
    try:
        data = backend.get(layout.CONFIG)
    except BlobNotFoundError:
        return None
    return parse(data, f"{backend.url}/{layout.CONFIG}")


def encode(config: StoreConfig) -> bytes:
    """Return the bytes of a config, with a check: else one flipped bit could make it one of a newer format."""
    fields = config._asdict()
    return json.dumps({**fields, "check": _check_of(fields)}, indent=2).encode() + b"\n"


def parse(data: bytes, where: str) -> StoreConfig:
    """Take the bytes of a config apart.

    Raises
    ------
    FormatError
        If a newer consist made the store.
    DamagedError
        If it cannot be read.
    """
    try:
        fields = _checked(json.loads(data))
        found = fields["format"]
        if isinstance(found, int) and found > FORMAT:
            raise FormatError(
                f"{where} is of format {found}; this consist reads up to {FORMAT}", hint="upgrade consist"
            )
        config = StoreConfig(**fields)
        _check(config)
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        hint = f"restore it from a copy of the store, or move it away and {MAKE_ANEW}"
        raise DamagedError(f"{where} cannot be read: {error}", hint=hint) from error
    if config.hash != "blake3":
        raise FormatError(
            f"{where} names content by {config.hash!r}, which this consist does not know", hint="upgrade consist"
        )
    return config


def _checked(fields: Any) -> dict[str, Any]:
    """Return the members of a config without its check; one without a check is older than checks are."""
    if type(fields) is not dict:
        raise TypeError("it is no object")
    check = fields.pop("check", None)
    if check is not None and check != _check_of(fields):
        raise ValueError("it does not match its check, so it was altered")
    return fields


def _check_of(fields: dict[str, Any]) -> str:
    """Return the digest of a config's members as JSON without white space, sorted; that is so in every format."""
    return hash_bytes(json.dumps(fields, sort_keys=True, separators=(",", ":")).encode()).hex


def _check(config: StoreConfig) -> None:
    if type(config.format) is not int or config.format < 0:
        raise ValueError(f"its format is {config.format!r}")
    if type(config.id) is not str or not _ID.match(config.id):
        raise ValueError("its id is not 32 hexadecimal digits")
    if config.sharing not in SHARINGS:
        raise ValueError(f"its sharing is {config.sharing!r}")
    if type(config.chunking) is not dict:
        raise ValueError("its chunking is no object")
