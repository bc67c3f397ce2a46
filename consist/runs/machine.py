"""What a record says of the machine that ran it."""

from __future__ import annotations

import functools
import os
import sys

from consist.version import VERSION


@functools.cache
def machine_facts() -> dict[str, str]:
    """Return host, platform, and the versions of Python and consist, as plain data."""
    here = os.uname()
    return {
        "host": here.nodename,
        "platform": f"{sys.platform} {here.machine}",
        "python": ".".join(map(str, sys.version_info[:3])),
        "consist": VERSION,
    }
