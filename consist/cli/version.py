"""``consist version``."""

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
    from consist.cli.output import write_json, write_line
    from consist.cli.shapes import head

    facts = _versions()
    if as_json:
        write_json({**head("version"), **facts})
    else:
        for name, value in facts.items():
            write_line(f"{name}\t{value}")


def _versions() -> dict[str, str | int | None]:
    import platform
    from importlib.metadata import PackageNotFoundError
    from importlib.metadata import version as version_of

    import consist
    from consist.store.config import FORMAT

    def installed(name: str) -> str | None:
        try:
            return version_of(name)
        except PackageNotFoundError:
            return None

    return {
        "consist": consist.__version__,
        "python": platform.python_version(),
        "lmdb": installed("lmdb"),
        "blake3": installed("blake3"),
        "store_format": FORMAT,
    }
