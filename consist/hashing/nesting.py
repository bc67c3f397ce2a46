"""Where a value contains itself, or nests most deeply: for the message about one that could not be encoded.

Looks at containers and attributes without recursion and without asking any object; it is no judge of what nests too
deeply, which the encoder found out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_SHOWN = 3
"""Steps of a deep path that are shown."""


def too_deep(value: Any, quoted: Callable[[Any], str]) -> tuple[str, str]:
    """Say of a value at which recursion did not end why, and where in it; `quoted` shows a key.

    Examples
    --------
    >>> ring = {"a": []}
    >>> ring["a"].append(ring)
    >>> too_deep({"q": ring}, repr)
    ('the value contains itself', "['q']['a'][0]")
    """
    above, done = {id(value)}, {id(value)}
    path: list[str] = []
    depth, deepest = 0, ""
    waiting = [(value, _children(value, quoted))]
    while waiting:
        step = next(waiting[-1][1], None)
        if step is None:
            above.discard(id(waiting.pop()[0]))
            del path[len(waiting) - 1 :]
            continue
        segment, item = step
        if id(item) in above:
            return "the value contains itself", "".join([*path, segment])
        if id(item) in done or not _is_container(item):
            continue
        done.add(id(item))
        above.add(id(item))
        path.append(segment)
        if len(path) > depth:
            depth, deepest = len(path), "".join(path[:_SHOWN])
        waiting.append((item, _children(item, quoted)))
    return "the value nests too deeply", deepest + ("…" if depth > _SHOWN else "")


def _children(value: Any, quoted: Callable[[Any], str]) -> Iterator[tuple[str, Any]]:
    if type(value) in {list, tuple}:
        yield from ((f"[{place}]", item) for place, item in enumerate(value))
    elif type(value) is dict:
        yield from ((f"[{quoted(key)}]", item) for key, item in value.items())
    else:
        yield from ((f".{name}", item) for name, item in _attributes(value).items())


def _attributes(value: Any) -> dict[str, Any]:
    try:
        found = object.__getattribute__(value, "__dict__")
    except AttributeError:
        return {}
    return found if type(found) is dict else {}


def _is_container(value: Any) -> bool:
    return type(value) in {list, tuple, dict} or bool(_attributes(value))
