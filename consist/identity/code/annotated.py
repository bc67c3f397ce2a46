"""The annotations of a function or class in a walk: what they are, and what the names stand for if they are text.

Only where annotations count: where something that is reached reads them, and of classes that are made of them.
"""

from __future__ import annotations

import functools
import types
from typing import TYPE_CHECKING, Any

from consist.identity.annotations import annotations_of, look
from consist.identity.code import functions, references, textual
from consist.identity.code.distributions import Kind, module_named
from consist.identity.code.instances import dict_of
from consist.identity.code.instructions import code_facts
from consist.identity.code.owners import is_a, label_of, module_name_of, namespace_of_class, origin_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from consist.identity.annotations import Annotations
    from consist.identity.code.state import WalkState
    from consist.identity.code.uses import Use

_NOTHING = compile("", "<annotations>", "exec")


def describe(walk: WalkState, node: Any) -> None:
    """Add a node's annotations."""
    if isinstance(node, types.FunctionType):
        _describe_inner(walk, node)
    annotations = watched(walk, node)
    if annotations is not None:
        walk.value(f"{label_of(node)} (annotations)", dict(annotations), lenient=True)
        follow_all(walk, node)


def _describe_inner(walk: WalkState, function: types.FunctionType) -> None:
    """Add the annotations of the functions that a function makes."""
    facts = code_facts(function.__code__)
    walk.piece(f"{label_of(function)} (inner annotations)").data = facts.annotations
    if origin_of(function).kind is Kind.PROJECT:
        for use in facts.annotation_uses:
            functions.describe_use(walk, label_of(function), use, function, is_run=False)
        follow(walk, function, facts.annotation_texts)


def watched(walk: WalkState, holder: Any) -> dict[str, Any] | None:
    """Return the annotations of a function, or of a class's own body, and have them watched; None if it has none.

    Computed ones hold other functions each time, if there is a lambda in them: a walk has them computed once.
    """
    if id(holder) not in walk.annotations:
        walk.annotations[id(holder)] = holder, look(holder)
        _watch(walk, holder, walk.annotations[id(holder)][1])
    annotations = walk.annotations[id(holder)][1]
    return None if annotations is None else annotations.found


def _watch(walk: WalkState, holder: Any, annotations: Annotations | None) -> None:
    if annotations is None:
        return
    if not annotations.is_kept:
        walk.watch.asked(functools.partial(annotations_of, holder), annotations.found)
        return
    walk.watch.namespace(annotations.found)
    if not is_a(holder, type):
        walk.watch.some_of(holder, "__annotations__")


def follow_all(walk: WalkState, holder: Any) -> None:
    """Describe what the text in all of a function's or class's annotations names, once."""
    found = annotations_of(holder).values()
    if id(holder) not in walk.followed and any(next(textual.texts_in(annotation), None) for annotation in found):
        walk.followed.add(id(holder))
        follow(walk, holder, (watched(walk, holder) or {}).values())


def follow(walk: WalkState, holder: Any, annotations: Iterable[Any]) -> None:
    """Describe what the text in annotations names: an alias of a type may be text, or hold some, itself."""
    waiting = [text for annotation in annotations for text in textual.texts_in(annotation)]
    done: set[tuple[int, Use]] = set()
    for text in waiting:
        for scope in _scopes(walk, holder, text.module):
            for use in textual.uses_in(text.source):
                if (id(scope.__globals__), use) not in done:
                    done.add((id(scope.__globals__), use))
                    label = label_of(holder if is_a(holder, type) else scope)
                    found = functions.describe_use(walk, label, use, scope, is_run=False)
                    waiting += [textual.Text(inner.source, text.module) for inner in textual.texts_in(found.value)]


def _scopes(walk: WalkState, holder: Any, module: str) -> list[types.FunctionType]:
    """Return where names are looked up: `typing` looks also where the class is whose text says that it is elsewhere."""
    found = [_scope(walk, holder, place) for place in dict.fromkeys((module, ""))]
    return [scope for scope in found if scope is not None]


def settled(walk: WalkState, cls: type, annotation: Any) -> Any:
    """Return an annotation as it will be when whoever keeps it has looked up its text; as it is if nobody can tell.

    A library that looks it up at the first use keeps what it found: the identity must be the same before and after.
    """
    if next(textual.texts_in(annotation), None) is None:
        return annotation

    try:
        return textual.evaluated(annotation, functools.partial(_look_up, walk, cls))
    except Exception:  # noqa: BLE001 - `typing` asks the classes that it combines for their hash, which may raise anything
        return annotation


def _look_up(walk: WalkState, cls: type, use: Use, module: str) -> Any:
    """Return what a name in a class's annotations stands for, if modules alone lead to it."""
    scope = _scope(walk, cls, module)
    if scope is None:
        raise LookupError(use.name)
    found = references.find(use._replace(chain=()), scope)
    for name in use.chain:
        before, found = found, references.follow(found, (name,))
        if found is before:
            raise LookupError(name)
    if found.value is references.MISSING or found.asked:
        raise LookupError(use.name)
    walk.watch.names(found.bindings)
    return found.value


def _scope(walk: WalkState, holder: Any, module: str) -> types.FunctionType | None:
    """Return a function in whose globals the names in annotations are looked up; None if they are not the project's."""
    key = (id(holder), module)
    if key not in walk.scopes:
        walk.scopes[key] = _new_scope(walk, holder, module)
    return walk.scopes[key]


def _new_scope(walk: WalkState, holder: Any, module: str) -> types.FunctionType | None:
    walk.watch.names([references.loaded(module or module_name_of(holder))])
    named = holder if is_a(holder, types.ModuleType) else module_named(module)
    if named is not None:
        scope = types.FunctionType(_NOTHING, vars(named))
    elif is_a(holder, type):
        scope = types.FunctionType(_NOTHING, namespace_of_class(holder))
    else:
        scope = holder
        while is_a(dict_of(scope).get("__wrapped__"), types.FunctionType):
            scope = dict_of(scope)["__wrapped__"]  # where `typing` and `inspect` look, too
    return scope if origin_of(scope).kind is Kind.PROJECT else None
