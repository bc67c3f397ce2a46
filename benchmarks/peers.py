"""borg and restic, with the settings that make them comparable: nothing encrypted by choice, nothing compressed.

borg: encryption ``none``, compression ``none``, its own chunker (buzhash, 512 KiB to 8 MiB, 2 MiB on average). restic
always encrypts; a repository of version 2 with compression off, 512 KiB to 8 MiB, 1 MiB on average. Both keep their
caches in the folder of the benchmark, and both sync what they write.
"""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING, NamedTuple

from measure import Cost, command

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SETTINGS = (
    "borg init -e none, create -C none; restic init --repository-version 2, backup --compression off (it always "
    "encrypts)"
)


class Peer(NamedTuple):
    """A backup program: how it makes a repository, and how it puts a path into one."""

    name: str
    init: Callable[[Path], object]
    put: Callable[[Path, Path, str], Cost]
    """Repository, path, and a name for the backup."""


def _borg_environment(repository: Path) -> dict[str, str]:
    return {
        "BORG_BASE_DIR": str(repository.with_name("borg-home")),
        "BORG_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK": "yes",
        "BORG_RELOCATED_REPO_ACCESS_IS_OK": "yes",
    }


def _borg_init(repository: Path) -> Cost:
    return command("borg", "init", "-e", "none", repository, env=_borg_environment(repository))


def _borg_put(repository: Path, path: Path, name: str) -> Cost:
    where = f"{repository}::{name}"
    return command("borg", "create", "-C", "none", where, path, env=_borg_environment(repository))


def _restic(repository: Path, *arguments: str | Path) -> Cost:
    cache = repository.with_name("restic-home")
    return command("restic", "-q", "-r", repository, "--cache-dir", cache, *arguments, env={"RESTIC_PASSWORD": "x"})


def _restic_init(repository: Path) -> Cost:
    return _restic(repository, "init", "--repository-version", "2")


def _restic_put(repository: Path, path: Path, _name: str) -> Cost:
    return _restic(repository, "--compression", "off", "backup", path)


PEERS = (Peer("borg", _borg_init, _borg_put), Peer("restic", _restic_init, _restic_put))


def versions() -> list[str]:
    """Ask the peers what they are."""
    found = []
    for arguments in (["borg", "--version"], ["restic", "version"]):
        if shutil.which(arguments[0]) is None:
            found.append(f"no {arguments[0]}")
        else:
            said = subprocess.run(arguments, capture_output=True, text=True, check=True).stdout
            found.append(" ".join(said.split()[:2]))
    return found
