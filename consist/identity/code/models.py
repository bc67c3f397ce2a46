"""What pydantic and attrs keep of the fields of a class, and pydantic of what its methods do to them.

Both look up annotations that are text when the class is first used, and keep what they found. So what is text is
described as what it will be then. Their compiled schemas and generated methods follow from the rest, or differ by
process.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from consist.identity.annotations import annotations_of
from consist.identity.code import annotated
from consist.identity.code.instances import class_attribute, state_of
from consist.identity.code.owners import is_a

if TYPE_CHECKING:
    from collections.abc import Iterator

    from consist.identity.code.state import WalkState

_GENERATED = ("alias", "alias_priority", "validation_alias", "serialization_alias", "title")
"""Of a field: what generators of the model fill in; of one whose annotation is text, when the model is first used."""
_FIELD = (
    *("annotation", "default", "default_factory", *_GENERATED, "field_title_generator", "description", "examples"),
    *("exclude", "exclude_if", "discriminator", "deprecated", "json_schema_extra", "frozen", "validate_default"),
    *("repr", "init", "init_var", "kw_only", "metadata"),
)
_OF_FIELDS = frozenset({"validators", "field_validators", "field_serializers"})
"""What methods do to fields that they name; the order of those of different fields decides nothing."""


def declared(walk: WalkState, cls: Any) -> Iterator[tuple[str, Any]]:
    """List fields and validators of a pydantic model."""
    fields = vars(cls)["__pydantic_fields__"]
    walk.watch.namespace(fields)
    for name, found in fields.items():
        home = _home(cls, name)
        values = _field(walk, cls, found)
        values["annotation"] = annotated.settled(walk, home, values["annotation"])
        yield f"field {name}", tuple(values.values())
        annotated.follow(walk, home, [values["annotation"]])
    annotations = annotated.watched(walk, cls) or {}
    if "__pydantic_extra__" in annotations:
        yield "extra", annotations["__pydantic_extra__"]
        annotated.follow(walk, cls, [annotations["__pydantic_extra__"]])
    yield from _decorators(walk, vars(cls).get("__pydantic_decorators__"))


def _decorators(walk: WalkState, decorators: Any) -> Iterator[tuple[str, Any]]:
    for kind in dataclasses.fields(decorators) if dataclasses.is_dataclass(decorators) else ():
        found = getattr(decorators, kind.name)
        if isinstance(found, dict):
            if found:  # an empty one is filled by nobody, and there are eight to a model
                walk.watch.namespace(found)
            yield kind.name, _decorated(kind.name, {name: getattr(item, "info", None) for name, item in found.items()})


def _home(cls: type, field: str) -> type:
    """Return the class that a field was written in, where the names in its annotation are looked up."""
    return next((base for base in cls.__mro__ if field in annotations_of(base)), cls)


def _field(walk: WalkState, cls: type, found: Any) -> dict[str, Any]:
    """Describe a field: all that was given for it, as any other argument of a call counts that is a description."""
    walk.watch.some_of(found, *_FIELD)
    values = {name: getattr(found, name, None) for name in _FIELD}
    config = class_attribute(cls, "model_config")
    given = getattr(found, "_attributes_set", None)
    generators = {"alias_generator", "field_title_generator"}
    if isinstance(given, dict) and isinstance(config, dict) and generators & config.keys():
        values |= {name: given.get(name) for name in _GENERATED}
    return values


def _decorated(kind: str, infos: dict[str, Any]) -> Any:
    """Describe what methods do to a model: they run in the order in which they are written, for each field its own.

    In tuples: whatever could be changed in place would be looked at anew by every hit.
    """
    if kind not in _OF_FIELDS:
        return tuple(infos.items())
    named = {field for info in infos.values() for field in _fields_of(info)}
    orders = (
        (field, *(name for name, info in infos.items() if {field, "*"} & set(_fields_of(info))))
        for field in sorted(named)
    )
    return tuple(sorted(infos.items())), tuple(orders)


def _fields_of(info: Any) -> tuple[str, ...]:
    return tuple(getattr(info, "fields", ()))


def attrs_fields(walk: WalkState, cls: type, fields: Any) -> Any:
    """Describe the fields of an attrs class, with the types that `attrs.resolve_types` would put there."""
    return tuple(_attrs_field(walk, cls, found) for found in fields) if is_a(fields, tuple) else fields


def _attrs_field(walk: WalkState, cls: type, found: Any) -> Any:
    values = dict(state_of(found))
    if not {"name", "type"} <= values.keys():
        return found
    walk.watch.some_of(found, "type")
    values["type"] = annotated.settled(walk, _home(cls, values["name"]), values["type"])
    return type(found), tuple(values.items())
