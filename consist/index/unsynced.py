"""Marks of processes that write without syncing: what tells a file that a crash of the machine may have damaged.

A process that writes unsynced puts a mark first (boot, process) and takes it back once all is synced. A process that
is killed leaves its mark, and no harm is done: what it wrote is with the system. A mark of an *earlier* boot means
that the machine went down in between, and that pages may be missing which LMDB believes to be there.
"""

from __future__ import annotations

import os
from functools import cache
from typing import TYPE_CHECKING, Any

from consist.errors import DamagedError
from consist.index.schema import META_UNSYNCED, seal, unseal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from consist.index.schema import Tables, Transaction

_BOOT_ID = "/proc/sys/kernel/random/boot_id"
_PID_NAMESPACE = "/proc/self/ns/pid"


def boot_id() -> str:
    """Return what names this boot of the machine; ``""`` if the system does not tell."""
    try:
        with open(_BOOT_ID, encoding="ascii") as stream:  # noqa: PTH123 - paths are plain strings in this layer
            return stream.read().strip()
    except OSError:
        return _boot_id_by_sysctl()


@cache
def _boot_id_by_sysctl() -> str:
    """Ask macOS."""
    import subprocess  # 4 ms of import, for one system

    command = ["/usr/sbin/sysctl", "-n", "kern.bootsessionuuid"]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, check=False, timeout=10)  # noqa: S603 - a constant
    except (OSError, subprocess.SubprocessError):
        return ""
    return answer.stdout.strip()


def of_earlier_boot(txn: Transaction, tables: Tables) -> bool:
    """Tell whether a process of an earlier boot left its mark; a mark that cannot be read counts as one."""
    return any(not boot or boot != boot_id() for _, boot, _, _ in _marks(txn, tables))


def mark(txn: Transaction, tables: Tables) -> bytes:
    """Put a mark of this process, and return its key."""
    key = META_UNSYNCED + os.urandom(16)
    txn.put(key, seal("meta", key, [boot_id(), _pid_namespace(), os.getpid()]), db=tables.meta)
    return key


def unmark(txn: Transaction, tables: Tables, key: bytes) -> None:
    """Take a mark back, and those of processes of this boot that have ended; all that they wrote must be synced."""
    for found, boot, namespace, pid in list(_marks(txn, tables)):
        ended = boot == boot_id() and namespace == _pid_namespace() and not _lives(pid)
        if found == key or ended:
            txn.delete(found, db=tables.meta)


def _marks(txn: Transaction, tables: Tables) -> Iterator[tuple[bytes, str, str, int]]:
    with txn.cursor(tables.meta) as cursor:
        if not cursor.set_range(META_UNSYNCED):
            return
        for key, data in cursor.iternext():
            if not key.startswith(META_UNSYNCED):
                return
            yield key, *_unseal(key, data)


def _unseal(key: bytes, data: bytes) -> tuple[str, str, int]:
    try:
        value: Any = unseal("meta", key, data)
    except DamagedError:
        return "", "", 0
    boot, namespace, pid = value
    return boot, namespace, pid


def _pid_namespace() -> str:
    """Return what names the space that process ids are of: containers have their own."""
    try:
        return os.readlink(_PID_NAMESPACE)  # noqa: PTH115 - as above
    except OSError:
        return ""


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True
