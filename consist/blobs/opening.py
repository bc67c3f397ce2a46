"""From a URL or a path to a `Backend`. A local store never imports ``fsspec``."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from consist.blobs.local import LocalBackend
from consist.blobs.sharing import PRIVATE
from consist.blobs.urls import clean_url, is_remote
from consist.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from consist.blobs.backend import Backend
    from consist.blobs.remote.probe import Memory


def open_backend(
    url_or_path: str | os.PathLike[str],
    *,
    storage_options: Mapping[str, Any] | None = None,
    durable: bool = True,
    sharing: str = PRIVATE,
    memory: Memory | None = None,
) -> Backend:
    """Make the backend for a place; nothing is read, written or connected to yet.

    Parameters
    ----------
    url_or_path : str or path
        A folder, ``file:///folder``, or the URL of any other fsspec filesystem, such as ``memory://name`` or
        ``s3://bucket/folder``.
    storage_options : mapping, optional
        Passed to the driver of the place; a folder takes none. Never shown nor stored. For ``s3://``,
        ``consist_driver`` in it is ``"s3fs"`` or ``"obstore"``; without it consist chooses.
    durable : bool
        Folders only: sync before a write returns.
    sharing : {"private", "group-read", "group"}
        Folders only: who may use them.
    memory : mapping-like, optional
        Servers only: remembers what was found out about each, so that it is tried once and not once a process.

    Returns
    -------
    Backend
        A `LocalBackend`, or a `RemoteBackend` in a `Retrying`.

    Raises
    ------
    SettingsError
        If the URL is malformed, nobody knows its protocol, or the package that does is not installed.

    Examples
    --------
    >>> open_backend("/data/store").url
    '/data/store'
    >>> open_backend("memory://team/store").capabilities.files
    False
    """
    url = clean_url(url_or_path)
    if not is_remote(url):
        if storage_options:
            names = ", ".join(sorted(storage_options))
            raise SettingsError(
                f"storage_options ({names}) are for remote stores; {url} is a folder",
                hint="leave them out, or give the store's URL: in a settings file a line such as"
                ' store = "s3://bucket/team", above [storage_options]',
            )
        if os.path.isfile(url):  # noqa: PTH113 - paths are plain strings in this layer
            raise SettingsError(
                f"{url} is a file, and a store is a folder", hint="name a folder: it is made if need be"
            )
        return LocalBackend(url, durable=durable, sharing=sharing)
    from consist.blobs.remote import RemoteBackend
    from consist.blobs.wrappers import Retrying

    return Retrying(RemoteBackend(url, storage_options, memory=memory))
