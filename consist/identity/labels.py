"""What the labels of a code manifest name: ``util:SCALE (used by util.norm)`` is a global, ``numpy 2.4.6`` a package.

The walk writes labels for people; a record keeps them with a digest each, and nothing else. They are read back here,
so that a difference can be told in the user's words. A label that fits nothing is just code: it is never left out.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection

CALLABLE, FUNCTION, CLASS, ATTRIBUTE, MODULE = "callable", "function", "class", "attribute", "module"
GLOBAL, VARIABLE, NAME = "global", "variable", "name"
PYTHON, PACKAGE, VERSION, FILE, ADDED = "python", "package", "version", "file", "code"

_PYTHON = re.compile(r"python \d+\.\d+\Z")
_PACKAGE = re.compile(r"[a-z0-9][a-z0-9-]* v?\d\S*\Z")
"""A distribution's name is normalised and its version begins with a digit; no other label is two words of that kind."""
_COUNT = re.compile(r" #\d+\Z")
_ASPECT = re.compile(r"(?P<base>.+?) \((?P<aspect>[^()]+(?:\(.*)?)\)\Z", re.DOTALL)
_USER = re.compile(r"(?:used|written|ignored) by |missing in ")


def kind_of(label: str, labels: Collection[str]) -> str:
    """Tell what a label names.

    Parameters
    ----------
    label : str
        Of a manifest.
    labels : collection of str
        All labels of the manifest, or of the two that are compared: a class is known by its bases.

    Examples
    --------
    >>> labels = {"util.Model", "util.Model (bases)", "util.Model.limit", "util.norm"}
    >>> [kind_of(label, labels) for label in ("util.Model", "util.Model.limit", "util.norm", "numpy 2.4.6")]
    ['class', 'attribute', 'function', 'package']
    """
    start = label.partition(" ")[0]
    if label == "function":
        return CALLABLE  # what was passed as `fn`
    if start in {"version", "file", "code:"}:
        return {"version": VERSION, "file": FILE}.get(start, ADDED)
    if _PYTHON.match(label) or _PACKAGE.match(label):
        return PYTHON if _PYTHON.match(label) else PACKAGE
    base, aspect = _parted(label)
    if aspect == "all of it":
        return MODULE
    if aspect == "attribute":
        return ATTRIBUTE
    if _USER.match(aspect) or ":" in base:
        return _kind_of_name(base, aspect)
    if f"{base} (bases)" in labels:
        return CLASS
    return ATTRIBUTE if not aspect and _holder(base, labels) else FUNCTION


def owner_of(label: str, labels: Collection[str]) -> str:
    """Return the label of the function or class that a label is part of or used by; ``""`` if it stands by itself."""
    base, aspect = _parted(label)
    user = _USER.match(aspect)
    if user is not None:
        return aspect[user.end() :]
    if not aspect:
        return _holder(base, labels)
    owner = base.rpartition(".")[0] if aspect == "attribute" else base
    return owner if owner in labels else ""


def name_and_version(label: str) -> tuple[str, str]:
    """Take the label of a package, a file or a version apart at its first space."""
    name, _, version = label.partition(" ")
    return name, version


def _parted(label: str) -> tuple[str, str]:
    """Take a label apart: what it names, and what of it; a number that tells it from an equal one is dropped."""
    bare = _COUNT.sub("", label)
    found = _ASPECT.match(bare)
    return (found["base"], found["aspect"]) if found is not None else (bare, "")


def _kind_of_name(base: str, aspect: str) -> str:
    module, colon, name = base.partition(":")
    user = _USER.match(aspect)
    if user is not None and colon and f"{module}.{name}".startswith(aspect[user.end() :] + "."):
        return VARIABLE  # of the function around the one that uses it
    return GLOBAL if colon else NAME


def _holder(base: str, labels: Collection[str]) -> str:
    """Return the class or function whose attribute a label without further ado is; ``""`` if it is a function's own."""
    parent = base.rpartition(".")[0]
    is_method = f"{base} (attribute)" in labels
    return parent if parent in labels and not is_method else ""
