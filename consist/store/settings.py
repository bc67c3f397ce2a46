"""Where a setting comes from: argument or flag, environment, ``consist.toml`` or ``pyproject.toml``, default.

Relative paths in a settings file are relative to that file, in an argument or the environment to the working
folder. A key that is unknown is an error that names the nearest right one: a typing error must not open another store.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, NamedTuple

from consist.arguments import COUNT, MAPPING, PATH, check, closest, nearest
from consist.blobs.urls import refuse_slip
from consist.errors import ConsistWarning, SettingsError, UsageError, warn_once
from consist.store.sizes import parse_size

ENVIRONMENT = {
    "store": "CONSIST_STORE",
    "db_path": "CONSIST_DB",
    "run_dir": "CONSIST_RUN_DIR",
    "cache_limit": "CONSIST_CACHE_LIMIT",
}
DEFAULTS = {"db_path": ".consist/index.lmdb", "run_dir": ".consist/runs"}
_KINDS = {"store": PATH, "db_path": PATH, "run_dir": PATH, "storage_options": MAPPING, "cache_limit": COUNT}
_FILE_TYPES = {"storage_options": (dict,), "cache_limit": (int, str)}
"""What a setting is in a file, if it is no text alone."""
_FILE_HINTS = {
    "storage_options": "write [storage_options] on a line, and each of them on a line below",
    "cache_limit": 'give bytes, 0 or more, or text with a unit, such as "10GiB"',
}
_TEXT_HINT = "give a path, as text: in quotes"

_NEAR = 0.8
"""How alike two names are of which one is a typing error."""
_PREFIX = "CONSIST_"
_OTHER_VARIABLES = ("CACHE_DIR", "DEBUG", "EXPLAIN")
"""What else is looked for in the environment, without the prefix that would make any two of them alike."""
_said: dict[str, str] = {}
"""What this process was told of variables: a verb may look for its place, and then make a tracker of it."""


class Setting(NamedTuple):
    """A value and its origin, for messages."""

    value: Any
    origin: str


def resolve(**given: Any) -> dict[str, Setting]:
    """Find every setting.

    Parameters
    ----------
    **given
        ``store``, ``db_path``, ``run_dir``, ``storage_options``, ``cache_limit`` as arguments gave them; None means not
        given.

    Returns
    -------
    dict of str to Setting
        One for each of them; the value of ``store`` is None where the folder beside the index is meant.

    Raises
    ------
    SettingsError
        If a value is of the wrong type, or a settings file cannot be read or has an unknown key.
    """
    for name, value in given.items():
        check(name, value, _KINDS[name], error=SettingsError)
    from_file = _settings_file(Path.cwd()) if None in given.values() or len(given) < len(_KINDS) else {}
    found = {}
    for name in _KINDS:
        variable = ENVIRONMENT.get(name, "")
        if given.get(name) is not None:
            found[name] = Setting(_home(given[name]), "argument")
        elif variable and os.environ.get(variable):
            found[name] = Setting(_from_environment(name, variable), f"environment variable {variable}")
        elif name in from_file:
            found[name] = from_file[name]
        else:
            found[name] = Setting(DEFAULTS.get(name), "default")
    return found


def default_store(db_path: str) -> str:
    """Return the store beside an index: its path without the suffix, with ``.store``.

    Raises
    ------
    SettingsError
        If the path cannot be a file's: it ends without a name, as ``/`` does.

    Examples
    --------
    >>> default_store("work/provenance.duckdb")
    'work/provenance.store'
    """
    path = Path(db_path)
    if path.name in {"", ".."}:
        raise SettingsError(f"{db_path!r} cannot be an index, which is one file", hint="give db_path a file's name")
    return str(path.with_suffix(".store"))


def warn_of_unknown_variables() -> None:
    """Warn of names in the environment that nearly are one of ours: they choose nothing, and nobody would notice."""
    right = {variable.removeprefix(_PREFIX): variable for variable in ENVIRONMENT.values()}
    right |= {name: f"{_PREFIX}{name}" for name in _OTHER_VARIABLES}
    # People also derive a variable from the setting's name.
    known = {**{name.upper(): ENVIRONMENT.get(name) for name in _KINDS}, **right}
    for variable in sorted(os.environ):
        name = variable.removeprefix(_PREFIX)
        if variable != name and name not in right:
            _warn_if_near(variable, name, known)


def _warn_if_near(variable: str, name: str, known: dict[str, str | None]) -> None:
    near = closest(name, known, cutoff=_NEAR)
    if near is not None:
        meant = known[near]
        said = f"did you mean {meant}?" if meant else f"{near.lower()} is set by argument or in a settings file only"
        warn_once(f"the environment variable {variable} is ignored ({said})", ConsistWarning, variable, _said)


def index_above(db_path: str) -> str | None:
    """Return the index of the nearest folder above, of an index that is where a folder's own is by default.

    Nobody opens it for that: which cache is meant is said, and not guessed. It is for hints.
    """
    default = DEFAULTS["db_path"]
    path = os.path.abspath(db_path)  # noqa: PTH100 - links are kept
    if not path.endswith(f"/{default}"):
        return None
    candidates = (str(folder / default) for folder in Path(path.removesuffix(default)).parents)
    return next(filter(os.path.isfile, candidates), None)


def _from_environment(name: str, variable: str) -> Any:
    value = os.environ[variable]
    return _home(value) if _KINDS[name] is not COUNT else _size(f"{variable} is", value)


def _size(said: str, value: str) -> int:
    """Read a number of bytes; `said` begins the message of what is none."""
    try:
        return parse_size(value)
    except UsageError as error:
        raise SettingsError(f"{said} {value!r:.60}", hint=_FILE_HINTS["cache_limit"]) from error


def _settings_file(folder: Path) -> dict[str, Setting]:
    """Read the nearest settings file at or above a folder."""
    for place in (folder, *folder.parents):
        own = place / "consist.toml"
        if os.path.isfile(own):  # noqa: PTH113 - False, not an error, where a folder above may not be read
            return _checked(_read(own), own)
        if os.path.isdir(own):  # noqa: PTH112 - the same
            raise SettingsError(f"{own} is a folder, and no settings file", hint="rename or remove it")
        project = place / "pyproject.toml"
        if os.path.isfile(project):  # noqa: PTH113 - the same
            found = _read(project)
            tools = found.get("tool")
            if isinstance(tools, dict) and "consist" in tools:
                return _checked(tools["consist"], project)
            _refuse_misspelt(found, "", project)
            _refuse_misspelt(tools, "tool.", project)
    return {}


def _refuse_misspelt(tables: Any, above: str, path: Path) -> None:
    """Refuse a table that nearly has our table's name, or has it at another place, and has a setting of ours."""
    for name, table in tables.items() if isinstance(tables, dict) else ():
        is_settings = isinstance(table, dict) and not _KINDS.keys().isdisjoint(table)
        if is_settings and closest(name.lower(), ["consist"], cutoff=_NEAR) is not None:
            raise SettingsError(f"unknown table [{above}{name}] in {path}", hint="did you mean [tool.consist]?")


def _read(path: Path) -> dict[str, Any]:
    import tomllib

    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        hint = "mend it: it is to be TOML, in UTF-8, that you may read"
        if str(error).startswith("Invalid value"):
            hint = 'in TOML text stands in quotes: db_path = "results/index.lmdb"'
        raise SettingsError(f"cannot read the settings in {path}: {error}", hint=hint) from error


def _checked(table: Any, path: Path) -> dict[str, Setting]:
    if not isinstance(table, dict):
        raise SettingsError(
            f"the settings in {path} are no table",
            hint="write [tool.consist] on a line, and a setting on each line below",
        )
    for key, value in table.items():
        if key not in _KINDS:
            raise SettingsError(f"unknown setting {key!r} in {path}", hint=_hint_of_unknown(key, value, path))
        expected = _FILE_TYPES.get(key, (str,))
        if type(value) not in expected:  # a flag is an int too
            raise SettingsError(
                f"the setting {key!r} in {path} is {type(value).__name__}, not {expected[0].__name__}",
                hint=_FILE_HINTS.get(key, _TEXT_HINT),
            )
        _refuse_swallowed(key, value, path)
        if _KINDS[key] is PATH and (not value.strip() or "\0" in value):
            raise SettingsError(
                f"the setting {key!r} in {path} names no place: {value!r:.60}",
                hint="name one, or remove the line, and the default holds",
            )
        if type(value) is not str and not _KINDS[key].fits(value):
            raise SettingsError(f"the setting {key!r} in {path} is {value!r:.60}", hint=_FILE_HINTS[key])
    return {key: Setting(_meant(path, key, value), str(path)) for key, value in table.items()}


def _hint_of_unknown(key: str, value: Any, path: Path) -> str:
    if isinstance(value, dict) and key in {"consist", "tool"} and path.name == "consist.toml":
        return "in this file settings stand without a table: leave out the line in brackets"
    return nearest(key, sorted(_KINDS))


def _refuse_swallowed(key: str, value: Any, path: Path) -> None:
    """Refuse a setting of ours below ``[storage_options]``: TOML takes every line after that one to be within it."""
    within = sorted(_KINDS.keys() & value.keys()) if isinstance(value, dict) else ()
    if within:
        raise SettingsError(
            f"the setting {within[0]!r} in {path} is within {key}", hint=f"write its line above [{key}]"
        )


def _meant(path: Path, key: str, value: Any) -> Any:
    """Return what a value in a file says: a path as it is from here, a number of bytes as one."""
    if key == "cache_limit" and isinstance(value, str):
        return _size(f"the setting {key!r} in {path} is", value)
    if _KINDS[key] is not PATH or "://" in value:
        return value
    if key == "store":
        refuse_slip(value)  # what it is joined to would hide it
    return str(path.parent / _home(value))


def _home(value: Any) -> Any:
    """Read a leading ``~`` of a path as the user's home folder, as a shell would."""
    if not isinstance(value, (str, os.PathLike)):  # storage_options
        return value
    path = os.fspath(value)
    return os.path.expanduser(path) if path.startswith("~") else value  # noqa: PTH111 - it may be a URL
