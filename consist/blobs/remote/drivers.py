"""Making an fsspec filesystem, and saying what to install where it is missing."""

from __future__ import annotations

import importlib.util
import inspect
from typing import TYPE_CHECKING, Any

from consist.arguments import closest
from consist.errors import SettingsError, StorageError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from consist.blobs.remote.strategy import Place

EXTRAS = {"s3": "s3", "s3a": "s3", "gs": "gcs", "gcs": "gcs"}
"""Protocols whose driver one of consist's extras installs."""

_NEAR = 0.8
"""How alike two names are of which one is a typing error: 0.6 would take any ``…_timeout`` for another one."""
_USUAL = frozenset(
    {"anon", "client_kwargs", "config_kwargs", "endpoint_url", "key", "profile", "project", "secret", "token"}
)
"""Options that are usual with buckets: what nearly is one is looked at before the driver is needed."""
_FRESH = {"use_listings_cache": False, "skip_instance_cache": True}
"""With the defaults a driver may not see what another process wrote, and may still see what it deleted."""


def make_filesystem(place: Place, settings: Mapping[str, Any], ask: Callable[..., Any]) -> tuple[Any, str]:
    """Make the filesystem of a URL and its own name for the store's root.

    Parameters
    ----------
    place : Place
        Its options come before consist's own.
    settings : mapping
        What the strategy insists on.
    ask : callable
        `Strategy.ask`.
    """
    import fsspec

    protocol, options = place.protocol, place.options
    try:
        cls = fsspec.get_filesystem_class(protocol)
    except (ImportError, ValueError) as error:
        raise SettingsError(
            f"{protocol}:// has no working driver here: {error}", hint="install it, or correct the store's URL"
        ) from error
    _refuse_misspelt(cls, place)
    taken = inspect.signature(cls.__init__).parameters
    takes_all = any(parameter.kind is parameter.VAR_KEYWORD for parameter in taken.values())
    fresh = {name: value for name, value in _FRESH.items() if takes_all or name in taken or name.startswith("skip")}
    from_url = cls._get_kwargs_from_urls(place.full_url)
    try:
        driver = ask("open", "the store", cls, **{**fresh, **from_url, **options, **settings})
    except StorageError as error:
        if isinstance(error.__cause__, TypeError | ValueError):
            names = ", ".join(sorted(options)) or "none"
            raise SettingsError(
                f"{protocol}:// does not take these storage_options: {names}",
                hint=f"its driver says which it takes: help({cls.__module__}.{cls.__qualname__})",
            ) from error
        raise
    return driver, str(cls._strip_protocol(place.full_url)).rstrip("/")


def refuse_likely_slips(place: Place) -> None:
    """Refuse misspelt options before anything is asked: what the index or a copy can answer needs no driver.

    The driver, whose import takes long, is asked for its options only where one is nearly a usual one.

    Raises
    ------
    SettingsError
        With the right name.
    """
    unusual = [option for option in place.options if option not in _USUAL]
    if any(closest(option, _USUAL, cutoff=_NEAR) for option in unusual):
        import fsspec

        try:
            cls = fsspec.get_filesystem_class(place.protocol)
        except (ImportError, ValueError):  # told when it is needed
            return
        _refuse_misspelt(cls, place)


def _refuse_misspelt(cls: type, place: Place) -> None:
    """Refuse options that nearly have the name of one that a driver takes.

    Drivers take any, and most pass over what they do not know: a misspelt endpoint would open a store of the same name
    somewhere else. What is not near to any may be for what the driver hands it on to.

    Raises
    ------
    SettingsError
        With the right name.
    """
    known = {
        name
        for each in cls.__mro__
        if "__init__" in vars(each)
        for name in inspect.signature(vars(each)["__init__"]).parameters
    }
    for option in place.options:
        near = None if option in known else closest(option, known, cutoff=_NEAR)
        if near is not None:
            raise SettingsError(
                f"{place.protocol}:// has no storage option {option!r:.80}", hint=f"did you mean {near!r}?"
            )


def require_driver(protocol: str) -> None:
    """Check that fsspec knows a protocol and that its package is here, without importing the package.

    Raises
    ------
    SettingsError
        If not; the hint says what to install.
    """
    import fsspec
    from fsspec.registry import known_implementations

    if protocol in fsspec.registry:
        return
    known = known_implementations.get(protocol)
    if known is None:
        raise SettingsError(
            f"no filesystem is known for {protocol}://",
            hint="give a folder, or a URL whose protocol fsspec knows, such as s3:// or gs://",
        )
    extra = EXTRAS.get(protocol)
    package = known["class"].partition(".")[0]
    if not installed(package):
        install = f"pip install '.[{extra}]' in a checkout of consist" if extra else f"pip install {package}"
        raise SettingsError(f"{protocol}:// needs the package {package}, which is not installed", hint=install)


def installed(package: str) -> bool:
    """Tell whether a package can be imported, without importing it."""
    return importlib.util.find_spec(package) is not None
