"""`code_identity`: what of a signature is the function's code."""

from __future__ import annotations

import types
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from consist.arguments import ANYTHING, FUNCTION, PATH, TEXT, check, check_each
from consist.errors import InputError
from consist.hashing.canonical import canonical_digest, encode
from consist.hashing.hasher import domain_digest
from consist.hashing.steady import hash_steadily
from consist.identity.code.memo import hold
from consist.identity.code.owners import is_own, label_of_any, said_text
from consist.identity.code.walk import DOMAIN, Walk

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from consist.hashing.digest import Digest
    from consist.identity.code.watch import Watch


@dataclass(frozen=True, slots=True)
class CodeIdentity:
    """The identity of a function's code, as `code_identity` returns it.

    Attributes
    ----------
    digest : Digest
        Equal for equal code; must not be used for a look-up if `uncacheable` is not empty.
    manifest : dict of str to Digest
        Label of each part (``util.norm``, ``util:SCALE (used by util.mean)``, ``numpy 2.4.6``) to its digest. Where two
        identities differ shows where the code does; `Tracker.explain` says it in words.
    warnings : tuple of str
        What the identity cannot see: code made at run time, files, the environment, the clock, chance. They become
        notes of a run.
    uncacheable : tuple of str
        Objects without a stable encoding, each with how it is reached and the ways out. A run of the function is not
        cached then.

    Examples
    --------
    >>> job = {"__name__": "job"}
    >>> exec("import time; stamp = lambda: time.time()", job)
    >>> code_identity(job["stamp"]).warnings
    ('job.<lambda> reads the clock (time.time)',)
    """

    digest: Digest
    manifest: dict[str, Digest]
    warnings: tuple[str, ...] = ()
    uncacheable: tuple[str, ...] = ()


_MOST = 1000
"""Identities remembered; the oldest goes. An entry keeps its function, and what that refers to, alive."""

_memo: dict[Any, tuple[Any, Watch, CodeIdentity]] = {}


def code_identity(
    fn: Callable[..., Any],
    *,
    version: str | None = None,
    code: Sequence[Any] = (),
    ignore: Sequence[Any] = (),
    depends_on: Sequence[str | Path] = (),
) -> CodeIdentity:
    """Return the identity of a function's code: one walk over the function and all that it reaches.

    It is what `run` uses as the code's part of a signature (`CodeOptions` has the same options); ask for it to see what
    counts, without a tracker. The walk is over live objects, never over source on disk. It is remembered, and done
    again only if something that it looked at has changed.

    Parameters
    ----------
    fn : callable
        A function, method, class, partial, or an object that can be called. A step of consist counts as the function
        that it wraps.
    version : str, optional
        Takes the place of the walk: the identity is this text, the function's name and the Python minor version, and
        what `code` and `depends_on` add. Neither the function's own code nor anything it reaches counts any more.
    code : sequence
        What counts besides: functions, classes and modules (walked), `Path` objects (content of the file, or of all
        files in the folder), anything else by value; a text is just that text. A module of an installed package lets
        that package's version count, as one may want for what another package uses only if it is there.
    ignore : sequence
        What is left out: names as the manifest shows them (``"util.SCALE"``, ``"util.Model.cache"``), or objects.
    depends_on : sequence of path
        Files and folders whose content counts; read at every call.

    Raises
    ------
    InputError
        If a file of `depends_on` or `code` cannot be read.
    UsageError
        If something given is of another type.

    Examples
    --------
    >>> util = {"__name__": "util", "SCALE": 2}
    >>> exec("def double(x): return x * SCALE", util)
    >>> before = code_identity(util["double"])
    >>> util["SCALE"] = 3
    >>> after = code_identity(util["double"])
    >>> [label for label in after.manifest if after.manifest[label] != before.manifest[label]]
    ['util:SCALE (used by util.double)']
    """
    if type(fn) is not types.FunctionType:
        check("fn", fn, FUNCTION, required=True)
        fn = _function_of(fn)
    key: Any = id(fn) if type(fn) is not types.MethodType else (id(fn.__func__), id(fn.__self__))
    if version is not None or code or ignore or depends_on:
        check("version", version, TEXT)
        check_each("code", code, ANYTHING)
        check_each("ignore", ignore, ANYTHING)
        check_each("depends_on", depends_on, PATH)
        return _with_options(fn, key, _Options(version, tuple(code), tuple(ignore), tuple(depends_on)))
    found = _memo.get(key)
    if found is not None and hold(found[1]):
        return found[2]
    return _remember(key, fn, Walk(remember=True), (), None)


def fresh_code_identity(
    fn: Callable[..., Any],
    *,
    version: str | None = None,
    code: Sequence[Any] = (),
    ignore: Sequence[Any] = (),
    depends_on: Sequence[str | Path] = (),
) -> CodeIdentity:
    """Return the same as `code_identity`, by a walk that remembers nothing."""
    identity = _walked(_walk_for(ignore), _function_of(fn), tuple(code), version)
    return _with_files(identity, tuple(depends_on))


def _function_of(fn: Any) -> Any:
    """Return the function of a step of consist, which is what its runs call; anything else as it is."""
    return getattr(fn, "__wrapped__", fn) if is_own(fn) else fn


def forget_identities() -> None:
    """Forget every identity, and let go of the functions."""
    _memo.clear()


class _Options(NamedTuple):
    """What the caller added to a function."""

    version: str | None
    code: tuple[Any, ...]
    ignore: tuple[Any, ...]
    files: tuple[str | Path, ...]


def _with_options(fn: Any, key: Any, options: _Options) -> CodeIdentity:
    """Look up, or walk, with what the caller added; files are read each time."""
    version, code, ignore, files = options
    if version is not None or any(isinstance(item, Path) for item in code):
        return _with_files(_walked(_walk_for(ignore), fn, code, version), files)
    full_key = (key, _identities(code), _identities(ignore))
    found = _memo.get(full_key)
    if found is not None and hold(found[1]):
        return _with_files(found[2], files)
    return _with_files(_remember(full_key, fn, _walk_for(ignore, remember=True), code, ignore), files)


def _identities(items: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(item if isinstance(item, str) else id(item) for item in items)


def _walk_for(ignore: Sequence[Any], *, remember: bool = False) -> Walk:
    return Walk(
        remember=remember,
        ignored=frozenset(item for item in ignore if isinstance(item, str)),
        ignored_ids=frozenset(id(item) for item in ignore if not isinstance(item, str)),
    )


def _remember(key: Any, fn: Any, walk: Walk, code: tuple[Any, ...], ignore: Any) -> CodeIdentity:
    identity = _walked(walk, fn, code, None)
    walk.watch.contents.finish()
    _memo.pop(key, None)
    if not identity.uncacheable:
        for oldest in list(_memo)[: max(0, len(_memo) + 1 - _MOST)]:
            _memo.pop(oldest, None)
        _memo[key] = ((fn, code, ignore), walk.watch, identity)
    return identity


def _walked(walk: Walk, fn: Any, code: tuple[Any, ...], version: str | None) -> CodeIdentity:
    if version is None:
        walk.run(fn, "function")
    else:
        walk.piece(f"version {version}").data = encode((str(version), _name(fn)))
    for item in code:
        _add_code(walk, item)
    walk.finish()
    for name in sorted(walk.ignored - walk.ignored_used):
        walk.warnings[f"ignore={name!r} names nothing that the function reaches"] = None
    return CodeIdentity(walk.digest(), walk.manifest(), tuple(walk.warnings), tuple(walk.uncacheable))


def _name(fn: Any) -> str:
    return said_text(getattr(fn, "__wrapped__", fn), "__qualname__") or type(fn).__qualname__


def _add_code(walk: Walk, item: Any) -> None:
    if isinstance(item, Path):
        walk.piece(f"file {item.name}").data = _content(item).raw
    elif isinstance(item, str):
        walk.value("code: a text", item)
    else:
        walk.value(f"code: {label_of_any(item)}", item)


def _with_files(identity: CodeIdentity, files: tuple[str | Path, ...]) -> CodeIdentity:
    if not files:
        return identity
    contents: dict[str, Digest] = {}
    for path in map(Path, files):
        label = f"file {path.name}"
        count = sum(known.partition(" #")[0] == label for known in (*identity.manifest, *contents))
        contents[label if not count else f"{label} #{count + 1}"] = _content(path)
    data = identity.digest.raw + encode([content.raw for content in contents.values()])
    return replace(identity, digest=domain_digest(DOMAIN, data), manifest=identity.manifest | contents)


def _content(path: Path) -> Digest:
    """Digest of a file's content, or of all files of a folder and their names within it."""
    try:
        files = sorted(found for found in path.rglob("*") if found.is_file()) if path.is_dir() else [path]
        contents = [(found.relative_to(path).as_posix(), hash_steadily(str(found)).digest.raw) for found in files]
    except OSError as error:
        raise InputError(f"cannot read {path}, which the code depends on: {error.strerror or error}") from error
    return canonical_digest(DOMAIN, contents)
