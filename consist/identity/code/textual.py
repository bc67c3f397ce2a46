"""Annotations that are text: which names are in them, and what one stands for as far as that takes nobody's code.

Text is there under ``from __future__ import annotations``, in quotes, and in the `ForwardRef` objects that `typing`
makes of it. Whoever reads annotations looks up the names in it when it reads them. Nothing is evaluated here: a text is
parsed, and only what the standard library would do with the parts is done.
"""

from __future__ import annotations

import ast
import dataclasses
import functools
import types
import typing
from typing import TYPE_CHECKING, Any, NamedTuple

from consist.identity.code.distributions import Kind
from consist.identity.code.instances import class_attribute
from consist.identity.code.owners import is_a, origin_of_class
from consist.identity.code.uses import Use

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    LookUp = Callable[[Use, str], Any]
    """From a name, and the module that its text gives or nothing, to what it stands for; else `LookupError`."""


class Text(NamedTuple):
    """A text in an annotation."""

    source: str
    module: str
    """Where its names are looked up; empty if that is where the annotation is."""


def texts_in(annotation: Any) -> Iterator[Text]:
    """List the texts in an annotation that stand for types: neither those of a `Literal` nor what `Annotated` adds.

    Examples
    --------
    >>> [found.source for found in texts_in(dict[str, "Model"])]
    ['Model']
    >>> list(texts_in(typing.Annotated[typing.Literal["a"], "metres"]))
    []
    """
    if type(annotation) is str:
        yield Text(annotation, "")
    elif type(annotation) is typing.ForwardRef:
        yield _text_of(annotation)
    else:
        for part in _parts(annotation):
            yield from texts_in(part)


def _text_of(reference: typing.ForwardRef) -> Text:
    module = getattr(reference, "__forward_module__", None)
    return Text(reference.__forward_arg__, module if isinstance(module, str) else "")


def _parts(annotation: Any) -> tuple[Any, ...]:
    """Return what an annotation is made of; nothing is asked of an object that is none of the standard library's."""
    if type(annotation) is dataclasses.InitVar:
        return (annotation.type,)
    if type(annotation) in {list, tuple}:
        return tuple(annotation)  # the parameters of a Callable
    if not is_alias(annotation) or typing.get_origin(annotation) is typing.Literal:
        return ()
    parts = typing.get_args(annotation)
    return parts[:1] if typing.get_origin(annotation) is typing.Annotated else parts


def is_alias(value: Any) -> bool:
    """Tell whether a value is a type of the standard library that is made of others, such as ``list[int]``."""
    return is_a(value, types.GenericAlias, types.UnionType) or (
        type(value).__module__ == "typing" and "Alias" in type(value).__name__
    )


@functools.lru_cache(maxsize=1000)
def uses_in(source: str) -> tuple[Use, ...]:
    """List the names in a text, with the attributes that are taken from them; none if it is no expression.

    Examples
    --------
    >>> [".".join((use.name, *use.chain)) for use in uses_in("dict[str, 'np.ndarray'] | Literal['off']")]
    ['dict', 'str', 'np.ndarray', 'Literal']
    """
    try:
        return tuple(dict.fromkeys(_uses(_parsed(source), is_type=True)))
    except RecursionError:  # hundreds of alternatives: nobody's type, but a text can be anything
        return ()


def _parsed(source: str) -> ast.expr | None:
    try:
        return ast.parse(source.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _uses(node: ast.AST | None, *, is_type: bool) -> Iterator[Use]:
    """List names; text within the text is more of it only where a type is expected."""
    if node is None:
        return
    if isinstance(node, ast.Constant):
        if is_type and isinstance(node.value, str):
            yield from _uses(_parsed(node.value), is_type=True)
        return
    use = _named(node)
    if use is not None:
        yield use
        return
    last = _last_name(node.value) if isinstance(node, ast.Subscript) else ""
    is_type = is_type and not isinstance(node, ast.Call) and last != "Literal"
    for child in ast.iter_child_nodes(node):
        if last == "Annotated" and isinstance(child, ast.Tuple):
            for place, part in enumerate(child.elts):
                yield from _uses(part, is_type=is_type and not place)
        else:
            yield from _uses(child, is_type=is_type)


def _named(node: ast.AST) -> Use | None:
    """Return what ``name.attribute.attribute`` uses."""
    chain: list[str] = []
    while isinstance(node, ast.Attribute):
        chain.insert(0, node.attr)
        node = node.value
    return Use("global", node.id, tuple(chain)) if isinstance(node, ast.Name) else None


def _last_name(node: ast.expr) -> str:
    use = _named(node)
    return "" if use is None else (use.name, *use.chain)[-1]


def evaluated(annotation: Any, look_up: LookUp) -> Any:
    """Return an annotation with what its texts stand for in their place, as `typing` would evaluate it.

    Raises
    ------
    LookupError
        If that takes code which is not the standard library's, such as a call, or if a name is not there.
    """
    if type(annotation) is str:
        return _value(_parsed(annotation), look_up)
    if type(annotation) is typing.ForwardRef:
        source, module = _text_of(annotation)
        return _value(_parsed(source), lambda use, _: look_up(use, module))
    if next(texts_in(annotation), None) is None:
        return annotation
    if not is_alias(annotation):
        raise LookupError(annotation)
    parts = tuple(evaluated(part, look_up) for part in annotation.__args__)
    if type(annotation) is types.GenericAlias:
        return types.GenericAlias(typing.cast("type", annotation.__origin__), parts)
    if type(annotation) is types.UnionType:
        return functools.reduce(_either, parts)
    if type(annotation).__module__ != "typing":
        raise LookupError(annotation)
    return annotation.copy_with(parts)


def _value(node: ast.AST | None, look_up: LookUp) -> Any:
    """Return what an expression stands for."""
    use = None if node is None else _named(node)
    if use is not None:
        return evaluated(look_up(use, ""), look_up)
    match node:
        case ast.Constant(value=None | types.EllipsisType() as plain):
            return plain
        case ast.Constant(value=str(inner)):
            return _value(_parsed(inner), look_up)
        case ast.Tuple():
            return tuple(_value(part, look_up) for part in node.elts)
        case ast.List():
            return [_value(part, look_up) for part in node.elts]
        case ast.Subscript():
            return _subscript(_value(node.value, look_up), node.slice, look_up)
        case ast.BinOp(op=ast.BitOr()):
            return _either(_value(node.left, look_up), _value(node.right, look_up))
        case _:
            raise LookupError(node)


def _subscript(base: Any, node: ast.expr, look_up: LookUp) -> Any:
    """Return ``base[…]`` of a type or form of the standard library; a class of anybody else runs its own code."""
    if base is typing.Literal:
        return base[ast.literal_eval(node)]
    is_form = type(base).__module__ == "typing" and base is not typing.Annotated
    if not is_form and not _is_plain_class(base):
        raise LookupError(base)
    return base[_value(node, look_up)]


def _is_plain_class(base: Any) -> bool:
    if not is_a(base, type) or origin_of_class(base).kind is not Kind.STDLIB:
        return False
    return class_attribute(type(base), "__getitem__") is None


def _either(left: Any, right: Any) -> Any:
    for side in (left, right):
        if is_a(side, type) and class_attribute(type(side), "__or__") is not vars(type)["__or__"]:
            raise LookupError(side)
    return left | right
