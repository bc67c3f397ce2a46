"""``consist.json``: what a store is. Created once, never changed, and refused if a newer consist made it."""

from __future__ import annotations

import json
import os
import re
from typing import TYPE_CHECKING, Any, NamedTuple

from consist.blobs import layout
from consist.blobs.sharing import PRIVATE, SHARINGS
from consist.errors import AlreadyExistsError, BlobNotFoundError, DamagedError, FormatError
from consist.hashing.chunker import Chunking
from consist.hashing.hasher import hash_bytes

if TYPE_CHECKING:
    from consist.blobs.backend import Backend

FORMAT = 0
"""0 until the first release, with no promise to readers; then 1."""

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


def load_or_create(backend: Backend, *, sharing: str = PRIVATE) -> tuple[StoreConfig, bool]:
    """Read a store's config; make it if there is none, which makes the store.

    Returns
    -------
    tuple of (StoreConfig, bool)
        The config, and whether this call made the store.

    Raises
    ------
    FormatError
        If a newer consist made the store.
    DamagedError
        If ``consist.json`` is there and cannot be read.
    """
    found = load(backend)
    if found is not None:
        return found, False
    config = StoreConfig(FORMAT, os.urandom(16).hex(), "blake3", sharing, Chunking().as_json())
    try:
        backend.create(layout.CONFIG, encode(config))
        backend.put(layout.CACHEDIR_TAG, _CACHEDIR_TAG)
    except AlreadyExistsError:  # another process made the store at the same time: its config holds
        found = load(backend)
        if found is None:
            raise
        return found, False
    return config, True


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
        raise DamagedError(
            f"{where} cannot be read: {error}", hint="restore it from another machine's copy of the store"
        ) from error
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
