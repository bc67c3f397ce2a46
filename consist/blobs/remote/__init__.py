"""Stores in buckets and on any other fsspec filesystem: one `Backend`, and beneath it a `Strategy` for each driver.

``backend.py`` is the adapter; ``strategy.py`` is what it asks of a driver; ``plain.py``, ``memory.py``, ``s3_by_*.py``
and ``gcs.py`` are the drivers, and ``choose.py`` chooses one. What a server can do is tried, by ``probe.py``. Retries
are not here: ``consist.blobs.wrappers`` puts them round this.
"""

from __future__ import annotations

from consist.blobs.remote.backend import RemoteBackend

__all__ = ["RemoteBackend"]
