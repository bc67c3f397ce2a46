"""``consist version``."""

import contextlib
import os
import sys
from typing import Any

from consist.cli.building import make_verb
from consist.cli.options import AsJson, DbPath, StorePlace


def command() -> Any:
    """Make the verb."""
    return make_verb(version, name="version", examples=("consist version", "consist version --json"))


def version(
    as_json: AsJson = False,
    db_path: DbPath = None,  # noqa: ARG001 - every verb takes it, so that scripts need not know which do
    store: StorePlace = None,  # noqa: ARG001 - the same
) -> None:
    """Print the versions of consist, of Python, of what the store depends on, and of the store's format."""
    from consist.cli.output import write_facts, write_json
    from consist.cli.shapes import head

    facts = _versions()
    if as_json:
        write_json({**head("version"), **facts})
    else:
        write_facts(facts.items())


def _versions() -> dict[str, str | int | None]:
    import consist
    from consist.store.config import FORMAT

    return {
        "consist": consist.__version__,
        "python": sys.version.split()[0],
        "lmdb": _installed("lmdb"),
        "blake3": _installed("blake3"),
        "store_format": FORMAT,
    }


def _installed(name: str) -> str | None:
    """Return the version of a distribution, from the name of its folder: a third of the time of importlib.metadata."""
    end = ".dist-info"
    for place in sys.path:
        with contextlib.suppress(OSError):
            for entry in os.listdir(place or "."):  # noqa: PTH208 - names are all that is looked at
                if entry.startswith(f"{name}-") and entry.endswith(end):
                    return entry.removeprefix(f"{name}-").removesuffix(end)
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(name)
    except PackageNotFoundError:
        return None
