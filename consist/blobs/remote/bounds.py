"""How long one request is waited for. How often it is made is the wrapper's (``wrappers/retrying.py``).

A minute's patience must hold several requests, or none of it is left when the first ends: obstore waited for two
minutes, and a server that fell silent was given up after the first attempt.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Awaitable

T = TypeVar("T")

CONNECT_SECONDS = 5.0
SILENT_SECONDS = 20.0
"""Without a byte of the answer; then the request counts as unanswered."""
SLOWEST = 64 << 10
"""Bytes a second: what is sent more slowly than this counts as unanswered."""
SENDING_SECONDS = 120.0
"""The same as `SILENT_SECONDS` for a driver that counts while it sends, too. Four parts of 8 MiB share the line: in
that time it is 2.2 Mbit/s."""
QUICK = 1 << 20
"""Bytes that are sent within `SILENT_SECONDS` by a line of half a Mbit/s."""


async def bounded(awaited: Awaitable[T], size: int = 0) -> T:
    """Await one request while so many bytes are sent, for so long and no longer.

    A driver's own timeouts begin when the answer does: aiohttp waits for ever for the answer to a PUT.
    """
    return await asyncio.wait_for(awaited, SILENT_SECONDS + size / SLOWEST)
