"""Backends round other backends: patience, counting, and a promise not to write. Each is the `Backend` port again.

``base.py`` passes every call on; a wrapper says only what it does otherwise. They can be put round each other in any
order, and know nothing of what is innermost.
"""

from __future__ import annotations

from consist.blobs.wrappers.counting import Counting
from consist.blobs.wrappers.read_only import ReadOnly
from consist.blobs.wrappers.retrying import Retrying

__all__ = ["Counting", "ReadOnly", "Retrying"]
