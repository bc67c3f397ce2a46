"""The boundary between the project, whose code is walked, and what is installed, which counts by name and version.

Installed is what lies in a ``site-packages`` or ``dist-packages`` folder and belongs to a distribution there; the
standard library is the Python minor version; everything else, editable installs included, is the project. A
distribution installed from a folder or a repository can change under the same version, so the hashes of its files, as
its RECORD has them, count too. What another distribution requires only by an extra does not count: whether the code
uses it cannot be told, and if all of them counted, an upgrade of a test tool would miss. Whose a module is, is kept for
the life of the process: what was imported stays what it was. A site folder is listed anew when it has changed, for what
is imported after an upgrade.
"""

from __future__ import annotations

import functools
import re
import sys
import sysconfig
import types
from enum import Enum
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any, NamedTuple

from consist.hashing.hasher import hash_bytes
from consist.hashing.steady import hash_steadily

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from consist.hashing.digest import Digest

OWN_PACKAGE = __name__.partition(".")[0]
_SITE_FOLDERS = {"site-packages", "dist-packages"}
_NATIVE = (".so", ".pyd", ".dylib")


class Kind(Enum):
    """Who wrote a piece of code."""

    PROJECT = "project"
    STDLIB = "stdlib"
    INSTALLED = "installed"
    CONSIST = "consist"
    NATIVE = "native"


class Distribution(NamedTuple):
    """An installed distribution, as found in a site folder."""

    name: str
    version: str
    info: str
    """Its metadata folder, or the metadata file itself."""

    @property
    def label(self) -> str:
        """Name and version, as a manifest shows them."""
        return f"{self.name} {self.version}"


class Origin(NamedTuple):
    """Where code comes from."""

    kind: Kind
    distribution: Distribution | None = None
    file: str = ""
    """For a compiled extension of the project: its file."""


_PROJECT = Origin(Kind.PROJECT)
_STDLIB = Origin(Kind.STDLIB)
_CONSIST = Origin(Kind.CONSIST)


def origin_of_namespace(namespace: Mapping[str, Any]) -> Origin:
    """Tell who wrote the module whose namespace this is: a function's globals, or a module's dict."""
    name = namespace.get("__name__")
    file = namespace.get("__file__")
    if not isinstance(file, str):
        file = _file_of_spec(namespace.get("__spec__"))
    return _origin(name if isinstance(name, str) else "", file)


def origin_of_module_name(name: str | None) -> Origin:
    """Tell who wrote the module of that name, as an object's ``__module__`` gives it."""
    module = module_named(name)
    if module is None:
        return _STDLIB if name in sys.stdlib_module_names else _PROJECT
    return origin_of_namespace(vars(module))


def module_named(name: Any) -> types.ModuleType | None:
    """Return an imported module; None if there is none, or if what somebody put in its place is no module."""
    module = sys.modules.get(name) if type(name) is str else None
    return module if issubclass(type(module), types.ModuleType) else None


def origin_of_file(name: str, file: str) -> Origin:
    """Tell who wrote a module that is not imported, from its name and file; it may be another one when it is."""
    return _origin.__wrapped__(name, file)


def _file_of_spec(spec: Any) -> str:
    locations = getattr(spec, "submodule_search_locations", None)
    origin = getattr(spec, "origin", None)
    if isinstance(origin, str) and origin not in {"built-in", "frozen"}:
        return origin
    # A namespace package has folders only; any file name in the first will do to tell where that is.
    return str(PurePath(next(iter(locations)), "__init__.py")) if locations else ""


@functools.cache
def _origin(name: str, file: str) -> Origin:
    root = name.partition(".")[0]
    if root == OWN_PACKAGE:
        return _CONSIST
    if not file:
        return _STDLIB if root in sys.stdlib_module_names else _PROJECT
    site = _site_folder(file)
    if site is not None:
        distribution = _owner(site, str(PurePath(file).relative_to(site)))
        return _PROJECT if distribution is None else Origin(Kind.INSTALLED, distribution)
    if any(file.startswith(folder) for folder in _stdlib_folders()) or file.startswith("<frozen"):
        return _STDLIB
    return Origin(Kind.NATIVE, file=file) if file.endswith(_NATIVE) else _PROJECT


def _site_folder(file: str) -> str | None:
    """Return the innermost site folder that a file lies in."""
    path = PurePath(file)
    for parent in path.parents:
        if parent.name in _SITE_FOLDERS:
            return str(parent)
    return None


@functools.cache
def _stdlib_folders() -> tuple[str, ...]:
    paths = sysconfig.get_paths()
    folders = {paths["stdlib"], paths["platstdlib"], str(Path(sysconfig.__file__).parent)}
    return tuple(sorted(str(PurePath(folder)) + "/" for folder in folders))


def _owner(site: str, file: str) -> Distribution | None:
    """Find the distribution that a file of a site folder belongs to."""
    top = PurePath(file).parts[0].partition(".")[0]
    # Most are named like their package; reading one RECORD takes 2 ms, all of 70 distributions 100 ms.
    for named in _distributions(site):
        if named.name == _normal(top) and PurePath(file).as_posix() in _recorded_files(named):
            return named
    candidates = _tops(site).get(top, ())
    if len(candidates) > 1:
        # A namespace package that several distributions share: the file itself decides.
        exact = [found for found in candidates if PurePath(file).as_posix() in _recorded_files(found)]
        candidates = tuple(exact) or candidates
    return candidates[0] if candidates else None


def _tops(site: str) -> dict[str, tuple[Distribution, ...]]:
    """Map the top-level names of a site folder to the distributions that install them."""
    return _tops_of(_distributions(site))


@functools.lru_cache(maxsize=16)
def _tops_of(distributions: tuple[Distribution, ...]) -> dict[str, tuple[Distribution, ...]]:
    found: dict[str, list[Distribution]] = {}
    for distribution in distributions:
        tops = {file.partition("/")[0].partition(".")[0] for file in _recorded_files(distribution)}
        for top in tops or {distribution.name.replace("-", "_")}:
            found.setdefault(top, []).append(distribution)
    return {top: tuple(owners) for top, owners in found.items()}


def _distributions(site: str) -> tuple[Distribution, ...]:
    return _distributions_at(site, Path(site).stat().st_mtime_ns)


@functools.lru_cache(maxsize=16)
def _distributions_at(site: str, _modified: int) -> tuple[Distribution, ...]:
    found = []
    for entry in sorted(Path(site).iterdir()):
        name, _, version = entry.stem.partition("-")
        if entry.suffix == ".egg-info":
            fields = _metadata(str(entry))
            name, version = fields.get("name", name), fields.get("version", version)
        elif entry.suffix != ".dist-info":
            continue
        found.append(Distribution(_normal(name), version, str(entry)))
    return tuple(found)


@functools.cache
def _recorded_files(distribution: Distribution) -> frozenset[str]:
    info = Path(distribution.info)
    if (info / "RECORD").is_file():
        return frozenset(filter(_is_inside, map(_recorded_name, _record(distribution))))
    tops = info / "top_level.txt"
    return frozenset(tops.read_text("utf-8", "replace").split()) if tops.is_file() else frozenset()


def _record(distribution: Distribution) -> list[str]:
    """Read the rows of a RECORD: name, hash and size of each installed file."""
    return Path(distribution.info, "RECORD").read_text("utf-8", "replace").splitlines()


def _recorded_name(row: str) -> str:
    return row.rsplit(",", 2)[0].strip('"')


def _is_inside(name: str) -> bool:
    """Tell whether a file belongs to the packages themselves; scripts and metadata name the folder they are in."""
    return not name.startswith(("..", "/")) and ".dist-info/" not in name


def _is_content(name: str) -> bool:
    """Tell whether a file is equal wherever the same is installed: bytecode is not, and is not always there."""
    return _is_inside(name) and not name.endswith(".pyc")


@functools.cache
def _metadata(info: str) -> dict[str, str]:
    """Read name, version and requirements from a metadata folder or file; the requirements are joined by newlines."""
    folder = Path(info)
    files = [folder / "METADATA", folder / "PKG-INFO", folder]
    text = next((file.read_text("utf-8", "replace") for file in files if file.is_file()), "")
    fields: dict[str, str] = {}
    for line in text.partition("\n\n")[0].splitlines():
        key, _, value = line.partition(":")
        if key.lower() in {"name", "version"}:
            fields[key.lower()] = value.strip()
        elif key.lower() == "requires-dist":
            fields["requires"] = fields.get("requires", "") + value.strip() + "\n"
    return fields


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


@functools.cache
def with_requirements(distribution: Distribution) -> tuple[Distribution, ...]:
    """Return a distribution and, of those that it requires (extras left out), all that are installed beside it."""
    installed = {found.name: found for found in _distributions(str(Path(distribution.info).parent))}
    found = {distribution.name: distribution}
    waiting = [distribution]
    while waiting:
        for name in _requirements(waiting.pop()):
            if name in installed and name not in found:
                found[name] = installed[name]
                waiting.append(installed[name])
    return tuple(found[name] for name in sorted(found))


def _requirements(distribution: Distribution) -> Iterator[str]:
    for line in _metadata(distribution.info).get("requires", "").splitlines():
        if re.search(r"\bextra\s*==", line) is None:
            match = re.match(r"[A-Za-z0-9._-]+", line)
            if match:
                yield _normal(match[0])


@functools.cache
def distribution_digest(distribution: Distribution) -> Digest:
    """Digest of what stands for a distribution: name and version; for a local or VCS install its files as well."""
    text = f"{distribution.name}=={distribution.version}".encode()
    info = Path(distribution.info)
    if (info / "direct_url.json").is_file() and (info / "RECORD").is_file():
        rows = (row for row in _record(distribution) if _is_content(_recorded_name(row)))
        text += b"\0" + hash_bytes("\n".join(sorted(rows)).encode()).raw
    return hash_bytes(text)


def native_digest(file: str) -> Digest:
    """Digest of the bytes of a compiled extension of the project."""
    return _native_digest(file, Path(file).stat().st_mtime_ns)


@functools.lru_cache(maxsize=256)
def _native_digest(file: str, _modified: int) -> Digest:
    return hash_steadily(file).digest
