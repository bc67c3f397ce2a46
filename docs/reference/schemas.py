"""Writes schemas/, a JSON Schema for each form of --json, from the tables of json.md.

    python docs/reference/schemas.py            write docs/reference/schemas/*.json
    python docs/reference/schemas.py --check    exit with 1 if one is not what would be written

So the page and the schemas are one truth; what the verbs really print is compared with both in the tests.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any, NamedTuple

PAGE = Path(__file__).with_name("json.md")
FOLDER = Path(__file__).with_name("schemas")

_SIMPLE: dict[str, dict[str, Any]] = {
    "string": {"type": "string"},
    "integer": {"type": "integer"},
    "number": {"type": "number"},
    "boolean": {"type": "boolean"},
    "object": {"type": "object"},
    "null": {"type": "null"},
    "any value": {},
    "time": {"type": "string", "pattern": r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{6}Z$"},
    "digest": {"type": "string", "pattern": "^[0-9a-f]{64}$"},
}
_ROW = re.compile(r"\| `(\w+)` \| (.+?) \| (.+) \|")
_ALSO = re.compile(r"All members of (?:an? )?\[(.+?)\]\(#.+?\), and:")
_LINK = re.compile(r"\[(.+)\]\(#.+\)")


class Member(NamedTuple):
    """A row of a table of the page."""

    kind: str
    meaning: str


def read_page(markdown: str) -> dict[str, dict[str, Member]]:
    """Read the page: by heading, its members."""
    found: dict[str, dict[str, Member]] = {}
    title = ""
    for line in markdown.splitlines():
        if line.startswith("#"):
            title = line.lstrip("# ").strip("`")
        elif (also := _ALSO.match(line)) is not None:
            found[title] = dict(found[also[1]])
        elif (row := _ROW.fullmatch(line)) is not None:
            found.setdefault(title, {})[row[1]] = Member(row[2], row[3])
    return found


def schemas(page: dict[str, dict[str, Member]]) -> dict[str, dict[str, Any]]:
    """Make the schemas, by the name of their form. More members are allowed: within a version some may be added."""
    found = {}
    for title, members in page.items():
        if "shape" in members:
            shape = members["shape"].meaning.strip("`")
            definitions: dict[str, Any] = {}
            schema = _object(members, page, definitions)
            schema["properties"]["shape"] = {"const": shape}
            head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": f"{title} --json"}
            found[shape] = {**head, **schema, **({"$defs": definitions} if definitions else {})}
    return found


def _object(members: dict[str, Member], page: dict[str, dict[str, Member]], definitions: dict[str, Any]) -> Any:
    properties = {
        name: {"description": member.meaning, **_type(member.kind, page, definitions)}
        for name, member in members.items()
    }
    return {"type": "object", "properties": properties, "required": list(members)}


def _type(kind: str, page: dict[str, dict[str, Member]], definitions: dict[str, Any]) -> dict[str, Any]:
    options = [_option(option, page, definitions) for option in kind.split(" or ")]
    return options[0] if len(options) == 1 else {"anyOf": options}


def _option(kind: str, page: dict[str, dict[str, Member]], definitions: dict[str, Any]) -> dict[str, Any]:
    if kind in _SIMPLE:
        return _SIMPLE[kind]
    inner = kind.removeprefix("array of ")
    if inner != kind:
        return {"type": "array", "items": _option(inner, page, definitions)}
    link = _LINK.fullmatch(kind)
    if link is None:
        raise ValueError(f"json.md has a type that nobody knows: {kind}")
    if link[1] not in definitions:
        definitions[link[1]] = {}
        definitions[link[1]] = _object(page[link[1]], page, definitions)
    return {"$ref": f"#/$defs/{link[1].replace(' ', '%20')}"}


def main() -> int:
    """Write the schemas, or compare them."""
    made = {f"{shape}.json": schema for shape, schema in schemas(read_page(PAGE.read_text(encoding="utf-8"))).items()}
    texts = {name: json.dumps(schema, indent=2, ensure_ascii=False) + "\n" for name, schema in made.items()}
    if "--check" in sys.argv[1:]:
        there = {path.name: path.read_text(encoding="utf-8") for path in FOLDER.glob("*.json")}
        if there == texts:
            return 0
        print(f"{FOLDER} is not what {PAGE} says: run python docs/reference/schemas.py", file=sys.stderr)
        return 1
    FOLDER.mkdir(exist_ok=True)
    for path in FOLDER.glob("*.json"):
        path.unlink()
    for name, text in texts.items():
        (FOLDER / name).write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
