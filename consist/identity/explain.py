"""What differs between two descriptions of a run: the reasons for a miss. No store, no index.

Only what a record keeps is compared: digests of the parts, of what the code reaches and of the config's items, and the
config as readable data. A part whose digest is equal yields no difference; two runs whose parts are not all equal
yield at least one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from consist.identity.labels import (
    ADDED,
    CALLABLE,
    CLASS,
    FILE,
    FUNCTION,
    PACKAGE,
    PYTHON,
    VERSION,
    kind_of,
    name_and_version,
    owner_of,
)
from consist.identity.names import escape
from consist.identity.readings import ABSENT, places, same, shown

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

    from consist.hashing.digest import Digest

PARTS = ("code", "config", "inputs", "contract")
WHOLE = "part"
"""The kind of a difference that cannot be told more closely than by its part."""

_CODE_KINDS = (PYTHON, PACKAGE, VERSION, FILE, ADDED, CALLABLE, FUNCTION, CLASS)
"""The order in which differences of the code are told; other kinds come after these."""
_INSTEAD_OF_CODE = frozenset({PYTHON, VERSION, FILE, ADDED})


class DescribedInput(Protocol):
    """An input: its name, what kind of thing it is, and its content."""

    @property
    def key(self) -> str: ...  # noqa: D102 - as of a record
    @property
    def kind(self) -> str: ...  # noqa: D102
    @property
    def digest(self) -> Digest: ...  # noqa: D102


class DescribedContract(Protocol):
    """What was declared, and how inputs are handed over."""

    @property
    def outputs(self) -> Sequence[str]: ...  # noqa: D102
    @property
    def paths(self) -> Sequence[str]: ...  # noqa: D102
    @property
    def inputs(self) -> Mapping[str, str]: ...  # noqa: D102


class Described(Protocol):
    """A description of a run: a record (``index/records.py`` says what each is), or anything that has as much."""

    @property
    def step(self) -> str: ...  # noqa: D102
    @property
    def parts(self) -> Mapping[str, Digest]: ...  # noqa: D102
    @property
    def code(self) -> Mapping[str, Digest]: ...  # noqa: D102
    @property
    def config(self) -> Any: ...  # noqa: D102
    @property
    def config_parts(self) -> Mapping[str, Digest]: ...  # noqa: D102
    @property
    def inputs(self) -> Sequence[DescribedInput]: ...  # noqa: D102
    @property
    def contract(self) -> DescribedContract: ...  # noqa: D102


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that two runs differ in. As text, it is a line to read: ``config sigma: 0.1 -> 0.2``.

    Attributes
    ----------
    part : str
        ``step``, ``code``, ``config``, ``inputs`` or ``contract``.
    kind : str
        What the thing is. Of code: ``function``, ``class``, ``attribute``, ``global``, ``variable`` (of an enclosing
        function), ``name``, ``module``, ``callable`` (what was passed as `fn`), ``python``, ``package``, ``version``
        and ``file`` (of `CodeOptions`), ``code``. Of inputs: ``input``, ``kind`` (file, folder, artifact). Of the
        contract: ``output``, ``path``, ``order`` (of outputs), ``input`` (how it is handed over). Else ``step``,
        ``config``, or ``part`` where no more is known than that the part differs.
    name : str
        Which one: as the manifest calls it, the path in the config, the name of the input or output; else ``""``.
    change : str
        ``added``, ``removed`` or ``changed``.
    before, after : object
        What is known of both sides, as plain data: a config value, a version, an input's digest; else None.
    """

    part: str
    kind: str
    name: str
    change: str
    before: Any = None
    after: Any = None

    def __str__(self) -> str:
        return escape(_TEXTS.get((self.part, self.kind), _code_text)(self))


def differing_parts(before: Described, after: Described) -> tuple[str, ...]:
    """Name the parts whose digests differ.

    Parameters
    ----------
    before, after : Described
        Two runs.
    """
    return tuple(part for part in PARTS if before.parts.get(part) != after.parts.get(part))


def distance(before: Described, after: Described) -> int:
    """Count the labels of the code, the config's items and the inputs in which two runs differ.

    Parameters
    ----------
    before, after : Described
        Two runs.
    """
    code, config, inputs = (
        one ^ other
        for one, other in (
            (before.code.items(), after.code.items()),
            (before.config_parts.items(), after.config_parts.items()),
            ({(item.key, item.digest) for item in before.inputs}, {(item.key, item.digest) for item in after.inputs}),
        )
    )
    return sum(len({name for name, _ in differing}) for differing in (code, config, inputs))


def differences(before: Described, after: Described) -> tuple[Difference, ...]:
    """List what differs between two runs, the reasons why the second is not the first.

    Parameters
    ----------
    before, after : Described
        The earlier run, and the later one or what is asked for.

    Returns
    -------
    tuple of Difference
        By part. What only follows from something that is told is left out: the names that a changed function uses
        since then, or no more; the way in which an input that was added or removed is handed over.
    """
    found: list[Difference] = []
    if before.step != after.step:
        found.append(Difference("step", "step", "", "changed", before.step, after.step))
    for part in differing_parts(before, after):
        told = list(_COMPARE[part](before, after))
        if not told and not (part == "contract" and before.contract.inputs.keys() != after.contract.inputs.keys()):
            told = [Difference(part, WHOLE, "", "changed")]
        found += told
    return tuple(found)


def summary(found: Sequence[Difference], *, most: int = 3) -> str:
    """Put differences on one line, the first `most` of them."""
    texts = [str(difference) for difference in found[:most]]
    return "; ".join(texts) + (f"; and {len(found) - most} more" if len(found) > most else "")


# --- code


def _code(before: Described, after: Described) -> Iterator[Difference]:
    labels = before.code.keys() | after.code.keys()
    differing = [label for label in (*after.code, *before.code) if before.code.get(label) != after.code.get(label)]
    kinds = {label: kind_of(label, labels) for label in dict.fromkeys(differing)}
    changes = {label: _change(label, before.code, after.code) for label in kinds}
    if VERSION in kinds.values():  # it takes the place of the walk, so that all else came or went with it
        kinds = {label: kind for label, kind in kinds.items() if kind in _INSTEAD_OF_CODE}
    yield from _versioned(kinds, changes)
    rest = [label for label in kinds if kinds[label] not in {PYTHON, PACKAGE, VERSION}]
    for label in sorted(rest, key=lambda label: _rank(kinds[label])):
        if changes[label] == "changed" or not _follows(label, changes, labels):
            name = name_and_version(label)[1] if kinds[label] in {FILE, ADDED} else label
            yield Difference("code", kinds[label], name, changes[label])


def _versioned(kinds: Mapping[str, str], changes: Mapping[str, str]) -> Iterator[Difference]:
    """Pair what came with what went, by name: ``numpy 2.4.5`` and ``numpy 2.4.6``."""
    pairs: dict[tuple[str, str], dict[str, str]] = {}
    for label, kind in kinds.items():
        if kind in {PYTHON, PACKAGE, VERSION}:
            name, version = name_and_version(label)
            pairs.setdefault((kind, name), {})[changes[label]] = version
    for (kind, name), found in sorted(pairs.items(), key=lambda item: (_rank(item[0][0]), item[0])):
        kept = found.get("changed")
        change = next(iter(found)) if len(found) == 1 else "changed"
        yield Difference("code", kind, name, change, found.get("removed", kept), found.get("added", kept))


def _change(label: str, before: Collection[str], after: Collection[str]) -> str:
    if label not in before:
        return "added"
    return "changed" if label in after else "removed"


def _follows(label: str, changes: Mapping[str, str], labels: Collection[str]) -> bool:
    """Tell whether a label came or went because what it belongs to changed, which is told already."""
    owner = owner_of(label, labels)
    return owner not in {"", label} and owner in changes


def _rank(kind: str) -> int:
    return _CODE_KINDS.index(kind) if kind in _CODE_KINDS else len(_CODE_KINDS)


# --- config, inputs, contract


def _config(before: Described, after: Described) -> Iterator[Difference]:
    old = before.config if isinstance(before.config, dict) else {}
    new = after.config if isinstance(after.config, dict) else {}
    for key in dict.fromkeys((*before.config_parts, *after.config_parts)):
        if before.config_parts.get(key) == after.config_parts.get(key):
            continue
        change = _change(key, before.config_parts, after.config_parts)
        values = old.get(key), new.get(key)
        if change != "changed":
            yield Difference("config", "config", key, change, *values)
            continue
        for place in places(key, *values):
            inner = "added" if place.before is ABSENT else "removed" if place.after is ABSENT else "changed"
            yield Difference("config", "config", place.path, inner, _plain(place.before), _plain(place.after))
        if not places(key, *values):
            yield Difference("config", "config", key, "changed", *values)


def _plain(value: Any) -> Any:
    return None if value is ABSENT else value


def _inputs(before: Described, after: Described) -> Iterator[Difference]:
    old, new = ({item.key: item for item in run.inputs} for run in (before, after))
    contents, kinds = [], []
    for key in dict.fromkeys((*old, *new)):
        one, other = old.get(key), new.get(key)
        digests = [None if item is None else item.digest.hex for item in (one, other)]
        if digests[0] != digests[1]:
            contents.append(Difference("inputs", "input", key, _change(key, old, new), *digests))
        elif one is not None and other is not None and one.kind != other.kind:
            kinds.append(Difference("inputs", "kind", key, "changed", one.kind, other.kind))
    yield from contents or kinds  # a file and an artifact may be read alike, so a kind may explain nothing


def _contract(before: Described, after: Described) -> Iterator[Difference]:
    old, new = before.contract, after.contract
    for kind, was, now in (("output", old.outputs, new.outputs), ("path", old.paths, new.paths)):
        for name in dict.fromkeys((*was, *now)):
            if (name in was) != (name in now):
                yield Difference("contract", kind, name, _change(name, was, now))
        if set(was) == set(now) and tuple(was) != tuple(now) and kind == "output":
            yield Difference("contract", "order", "", "changed", list(was), list(now))
    for name, mode in new.inputs.items():
        if old.inputs.get(name, mode) != mode:
            yield Difference("contract", "input", name, "changed", old.inputs[name], mode)


_COMPARE = {"code": _code, "config": _config, "inputs": _inputs, "contract": _contract}


# --- wording


def _code_text(found: Difference) -> str:
    return f"{found.kind} {found.name} {found.change}"


def _package_text(found: Difference) -> str:
    if found.change != "changed":
        return f"package {found.name} {_first(found.after, found.before)} {found.change}"
    if found.before == found.after:
        return f"package {found.name} {found.after}: the same version, installed from other files"
    return f"{found.name} {found.before} -> {found.after}"


def _value_text(head: str, found: Difference) -> str:
    before, after = shown(found.before), shown(found.after)
    if found.change != "changed":
        return f"{head}: added, {after}" if found.change == "added" else f"{head}: removed, was {before}"
    if before != after:
        return f"{head}: {before} -> {after}"
    return f"{head}: {after}, " + ("of another type" if same(found.before, found.after) else "changed further on")


def _version_text(found: Difference) -> str:
    if found.change == "changed" and found.before == found.after:
        return f"code version {found.after}: of another function"
    return _value_text("code version", found)


def _content_text(head: str, found: Difference) -> str:
    return f"{head}: content changed" if found.change == "changed" else f"{head}: {found.change}"


def _arrow_text(head: str, found: Difference) -> str:
    before, after = (", ".join(side) if isinstance(side, list) else side for side in (found.before, found.after))
    return f"{head}{before} -> {after}"


def _first(*values: Any) -> Any:
    return next((value for value in values if value is not None), None)


_TEXTS: dict[tuple[str, str], Callable[[Difference], str]] = {
    ("step", "step"): lambda found: _arrow_text("step ", found),
    ("code", PYTHON): _package_text,
    ("code", PACKAGE): _package_text,
    ("code", VERSION): _version_text,
    ("code", FILE): lambda found: _content_text(f"file {found.name}", found),
    ("code", CALLABLE): lambda _: "what is called changed: another function, or what a partial or an instance holds",
    ("code", WHOLE): lambda _: "the code changed: its parts are in another order, or another consist looked at it",
    ("config", "config"): lambda found: _value_text(f"config {found.name}", found),
    ("config", WHOLE): lambda _: "the config changed",
    ("inputs", "input"): lambda found: _content_text(f"input {found.name}", found),
    ("inputs", "kind"): lambda found: _arrow_text(f"input {found.name}: the same content, ", found),
    ("inputs", WHOLE): lambda _: "an input is of another format, with the same content",
    ("contract", "output"): lambda found: f"declared output {found.name} {found.change}",
    ("contract", "path"): lambda found: f"declared output path {found.name} {found.change}",
    ("contract", "order"): lambda found: _arrow_text("declared outputs: ", found),
    ("contract", "input"): lambda found: _arrow_text(f"input {found.name}: handed over as ", found),
    ("contract", WHOLE): lambda _: (
        "the contract changed: cache_version, cache_epoch, inject_context or capture_dir (the notes of a run have them)"
    ),
}
