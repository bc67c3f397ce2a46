"""The signature: what a run *is*, from the digests of its parts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from consist.hashing.canonical import canonical_digest, encode, text
from consist.hashing.hasher import domain_digest

if TYPE_CHECKING:
    from consist.hashing.digest import Digest

DOMAIN = "consist 2026 run"
CONTRACT_DOMAIN = "consist 2026 contract"
SCHEMA = 0
"""Raised only when a stale hit must be mended: every older run then is a miss, and stays readable."""

_SCHEMA = encode(SCHEMA)


def signature(step: str, parts: dict[str, Digest]) -> Digest:
    """Make a signature.

    Parameters
    ----------
    step : str
        The step's name.
    parts : dict of str to Digest
        ``code``, ``config``, ``inputs`` and ``contract``.

    Examples
    --------
    >>> from consist.hashing.hasher import hash_bytes
    >>> parts = dict.fromkeys(("code", "config", "inputs", "contract"), hash_bytes(b""))
    >>> signature("a", parts) == signature("b", parts)
    False
    """
    raw = b"".join([parts[name].raw for name in ("code", "config", "inputs", "contract")])
    return domain_digest(DOMAIN, _SCHEMA + text(step) + raw)


def contract_digest(contract: Any) -> Digest:
    """Digest what shapes a result beside code, config and inputs: output names and how inputs are handed over."""
    return canonical_digest(CONTRACT_DOMAIN, contract)
