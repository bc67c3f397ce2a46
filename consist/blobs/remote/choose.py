"""Which strategy drives a place, in this process: the only table of protocols."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from consist.blobs.remote.drivers import installed
from consist.blobs.remote.s3 import DRIVER, obstore_config
from consist.errors import SettingsError

if TYPE_CHECKING:
    from consist.blobs.remote.strategy import Place, Strategy

_forked_beside_obstore = False


def choose(place: Place) -> type[Strategy]:
    """Choose what drives a place; every protocol that nobody has looked at is `Plain`.

    Raises
    ------
    SettingsError
        If `consist_driver` names a driver that there is not, or that cannot take the other options.
    """
    if place.protocol in {"s3", "s3a"}:
        return _choose_s3(place)
    if place.driver is not None:
        raise SettingsError(f"{DRIVER} is for s3://, and {place.url} is none", hint="leave it out")
    if place.protocol in {"gs", "gcs"}:
        from consist.blobs.remote.gcs import Gcs

        return Gcs
    if place.protocol == "memory":
        from consist.blobs.remote.memory import Memory

        return Memory
    from consist.blobs.remote.plain import Plain

    return Plain


def _choose_s3(place: Place) -> type[Strategy]:
    """Choose the driver for a place, in this process.

    Raises
    ------
    SettingsError
        If `consist_driver` names one that there is not, or that cannot take the other options.
    """
    wanted = place.driver
    if wanted not in {None, "s3fs", "obstore"}:
        raise SettingsError(
            f"{DRIVER} is 's3fs' or 'obstore', not {wanted!r:.40}", hint="leave it out, and consist chooses"
        )
    if wanted != "s3fs" and not _forked_beside_obstore and installed("obstore"):
        if obstore_config(place) is not None:
            from consist.blobs.remote.s3_by_obstore import S3ByObstore

            return S3ByObstore
        if wanted == "obstore":
            hint = "give key, secret and region or endpoint alone, or leave consist_driver out"
            raise SettingsError(f"obstore cannot do what these storage_options for {place.url} ask", hint=hint)
    from consist.blobs.remote.s3_by_s3fs import S3ByS3fs

    return S3ByS3fs


def _note_fork() -> None:
    """Leave obstore alone in a child of a process that had loaded it: any call of it there hangs for ever.

    A store that is made in the child hangs as well (obstore 0.12.1), since its threads are the process's, and stayed
    behind in the parent. s3fs makes itself new.
    """
    global _forked_beside_obstore  # noqa: PLW0603 - a fact about this process
    _forked_beside_obstore = _forked_beside_obstore or "obstore" in sys.modules


os.register_at_fork(after_in_child=_note_fork)
