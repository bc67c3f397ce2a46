"""Settings made absolute before fsspec looks whether it has an instance for them.

fsspec names an instance by its arguments, by which it finds it again, compares it and pickles it. Most people give
none: the environment or a settings file says which store is meant. So they are resolved first, and an instance is
named by a place that means the same after a ``chdir``, in another process, and when the environment has changed.

fsspec's own name of a synchronous filesystem also has the process and the thread in it. That would open a store once a
thread, and dask, which names its tasks by their arguments, would take no two of them for the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fsspec import AbstractFileSystem
from fsspec.config import apply_config
from fsspec.utils import tokenize

from consist.errors import SettingsError
from consist.store.places import find_place

if TYPE_CHECKING:
    from consist.store.places import StorePlace

_FOR_OTHERS = frozenset({"asynchronous", "loop", "use_listings_cache", "listings_expiry_time", "max_paths"})
"""What tools hand to any filesystem (zarr to each that it opens); there is nothing here that it would change."""

_OURS = ("store", "db_path", "storage_options", "cache_limit")
_NEW = "skip_instance_cache"


class Settled(type(AbstractFileSystem)):  # type: ignore[misc]  # fsspec has no types
    """The class of filesystem classes whose instances are named by resolved settings."""

    def __call__(cls, *args: Any, **given: Any) -> Any:
        """Return the process's instance for some settings; a forked process gets one of its own."""
        given = {**apply_config(cls, {}), **dict(zip(_OURS, args, strict=False)), **given}
        unknown = sorted(given.keys() - {*_OURS, *_FOR_OTHERS, _NEW})
        if unknown or len(args) > len(_OURS):
            raise SettingsError(
                f"a consist:// filesystem has no setting {', '.join(unknown) or args[len(_OURS)]!r:.200}",
                hint="it has store, db_path, cache_limit, and storage_options for the store's own place",
            )
        arguments = _arguments(find_place(**{name: given.get(name) for name in _OURS}))
        name = tokenize(cls.__qualname__, arguments)
        made = None if given.get(_NEW) else cls._cache.get(name)
        if made is None:
            made = super().__call__(**arguments, **{_NEW: True})  # what is new to fsspec it does not keep itself
            made._fs_token_ = name
            if not given.get(_NEW):
                made = cls._cache.setdefault(name, made)
        cls._latest = name
        return made


def _arguments(place: StorePlace) -> dict[str, Any]:
    """Return the arguments that name a place, those left out that are not needed to find it again."""
    return {name: value for name, value in place._asdict().items() if value or value == 0}
