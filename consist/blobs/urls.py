"""The spelling of places: paths and URLs, as they are typed, compared and shown."""

# Paths are plain strings in this layer: pathlib costs more than some of the calls.
# ruff: noqa: PTH100, PTH111

from __future__ import annotations

import os
import re

from consist.errors import SettingsError

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.\-]*)://")
_CHAIN = re.compile(r"[A-Za-z0-9+.\-:]*::[A-Za-z0-9+.\-:]*://|[A-Za-z][A-Za-z0-9+.\-]*://.*::", re.DOTALL)
_USER_INFO = re.compile(r"\A([A-Za-z][A-Za-z0-9+.\-]*://)[^/]*@")
_SLIP = re.compile(
    r"(s3a?|gs|gcs|az|abfss?|adl|hdfs|memory|file|ftp|sftp|https?)(:/?(?!/)|//)(.*)", re.DOTALL | re.IGNORECASE
)
"""A known scheme with a colon or slashes too few, as `pathlib` and hasty fingers leave it."""
_LOCAL = frozenset({"file", "local"})
_BUCKETS = frozenset({"s3", "s3a", "gs", "gcs"})
"""Schemes that begin with a name; what others mean by none is theirs to say."""


def normalise_url(url_or_path: str | os.PathLike[str]) -> str:
    """Return the one spelling of a place, for comparing, remembering and showing: no user-info, no trailing slash.

    Parameters
    ----------
    url_or_path : str or path
        As `open_backend` takes it.

    Returns
    -------
    str
        An absolute path for a folder, otherwise a URL. Symbolic links are not resolved.

    Examples
    --------
    >>> normalise_url("file:///data/my%20store/")
    '/data/my store'
    >>> normalise_url("FTP://user:secret@host/store//")
    'ftp://host/store'
    """
    return strip_user_info(clean_url(url_or_path))


def is_remote(url: str) -> bool:
    """Tell a URL from a path, in the spelling of `normalise_url`."""
    return _SCHEME.match(url) is not None


def strip_user_info(url: str) -> str:
    """Take ``user:password@`` out of a URL."""
    return _USER_INFO.sub(r"\1", url)


def clean_url(url_or_path: str | os.PathLike[str]) -> str:
    """Bring a place to one spelling, user-info kept: the driver needs it.

    Raises
    ------
    SettingsError
        If it is no place of a store.
    """
    text = os.fspath(url_or_path)
    if not text.strip() or "\0" in text:
        raise SettingsError(f"not the place of a store: {url_or_path!r:.80}", hint="give a folder or a URL")
    if _CHAIN.match(text):
        raise SettingsError("a chained URL (with ::) cannot hold a store", hint="name the place of the objects itself")
    refuse_slip(text)
    found = _SCHEME.match(text)
    if found is None:
        return os.path.abspath(os.path.expanduser(text))
    scheme, rest = found[1].lower(), text[found.end() :]
    if scheme in _LOCAL:
        return _local_path(rest, text)
    if not rest.strip("/") or (scheme in _BUCKETS and rest.startswith("/")):
        raise SettingsError(f"{scheme}:// names no bucket or folder", hint=f"write {scheme}://name/folder")
    return f"{scheme}://{rest.rstrip('/')}"


def refuse_slip(text: str) -> None:
    """Refuse what looks like a URL that was mistyped: it would be a folder here, and nobody would notice.

    Raises
    ------
    SettingsError
        With the right spelling.
    """
    slip = _SLIP.match(text)
    if slip is None:
        return
    scheme, between, rest = slip.groups()
    rest = rest.rpartition("@")[2]  # no user-info
    right = f"{scheme.lower()}://{'/' if scheme.lower() in _LOCAL else ''}{rest.lstrip('/')}"
    raise SettingsError(
        f"{scheme}{between}{rest:.200} is no URL, and is likely meant as one",
        hint=f"write {right:.200}; a folder of that name is ./{scheme}{between}{rest:.200}",
    )


def _local_path(rest: str, text: str) -> str:
    """Read what follows ``file://``: an absolute path, percent-encoded as every file URL is."""
    path = rest.removeprefix("localhost")
    if not path.startswith("/"):
        raise SettingsError(f"not an absolute file URL: {text}", hint="write file:///folder, or the path alone")
    from urllib.parse import unquote  # 4 ms that nobody else needs

    return os.path.abspath(unquote(path))
