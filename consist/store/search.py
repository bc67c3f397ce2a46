"""Which runs say something: a text in names and values, or a value under a key. Reads the index only.

Records lie in the index as bytes, and a text in them as UTF-8, a number in msgpack: what cannot be in a record is told
from its bytes alone, and only what may be is decoded and looked at. Letters from A to Z are found in either case;
others as they are written.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from consist.errors import UsageError
from consist.hashing.codec import pack
from consist.index.marks import FORGET, TAG
from consist.store.lookup import forgettings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from consist.index.records import ArtifactRecord, RunRecord
    from consist.store.store import Store


_LIST = rb"[\x90-\x9f\xdc\xdd]"
"""The byte that a list begins with, in msgpack."""


class Match(NamedTuple):
    """Where something was found in a run.

    Attributes
    ----------
    name : str
        ``step``, ``tag``, ``description``, ``config.KEY``, ``facet.KEY``, ``output.KEY``, ``input.KEY``, ``error``,
        ``forgotten``.
    value : object
        What stands there.
    """

    name: str
    value: Any


@dataclass(frozen=True, slots=True)
class SearchTerm:
    """What is looked for.

    Attributes
    ----------
    text : str
        In lower case as far as letters from A to Z go; for KEY=VALUE the value.
    key : str or None
        The key that must have the value; with dots, the keys that lead to it.
    numbers : tuple
        The numbers that the text is, and True, False or None.
    """

    text: str
    key: str | None
    numbers: tuple[Any, ...]

    @classmethod
    def of(cls, typed: str) -> SearchTerm:
        """Read what was typed.

        Raises
        ------
        UsageError
            If it is empty.

        Examples
        --------
        >>> SearchTerm.of("model.depth=3")
        SearchTerm(text='3', key='model.depth', numbers=(3, 3.0))
        >>> SearchTerm.of("Draft").text
        'draft'
        """
        key, sign, value = typed.partition("=")
        is_pair = bool(sign and key.strip())
        text = value if is_pair else typed
        if not typed.strip():
            raise UsageError("there is nothing to search for", hint="give a text, or KEY=VALUE")
        return cls(_lower(text), key.strip() if is_pair else None, _numbers(text))

    def sieve(self) -> Callable[[bytes], object]:
        """Return a test of the framed bytes of a record; one that does not pass it has not what is looked for."""
        text = self.text.encode(errors="replace")
        if self.key is not None:
            return _sieve_under(self.key, text.decode(), tuple(map(pack, self.numbers)))
        has_letters = text.upper() != text
        spelt = [pack(each) for each in self.numbers] if has_letters else [text, *map(pack, self.numbers)]

        def may_hold(data: bytes) -> bool:
            for each in spelt:  # without a generator for every record
                if each in data:
                    return True
            return has_letters and text in data.lower()

        return may_hold

    def fits(self, value: Any) -> bool:
        """Tell whether a value is it, or as a text holds it; under a key it must be all of the value."""
        if isinstance(value, str):
            return _lower(value) == self.text if self.key is not None else self.text in _lower(value)
        return any(type(value) is type(each) and value == each for each in self.numbers)


def _sieve_under(key: str, text: str, numbers: tuple[bytes, ...]) -> Callable[[bytes], object]:
    """Return a test for a value under a key: in a map it stands right behind its key, or in a list that does.

    Parameters
    ----------
    key : str
        As it was typed; keys may have dots themselves.
    text : str
        The value as a text, in small letters.
    numbers : tuple of bytes
        The numbers that it may be.
    """
    typed = key.encode(errors="replace").decode()
    keys = [pack(typed[start:]) for start in range(len(typed)) if start == 0 or typed[start - 1] == "."]
    value = b"|".join((b"(?i:%s)" % re.escape(pack(text)), *map(re.escape, numbers)))
    follows = [re.compile(b"%s(?:%s)" % (re.escape(name), value)) for name in keys]
    in_a_list = [re.compile(re.escape(name) + _LIST) for name in keys]
    anywhere = re.compile(value)

    def may_hold(data: bytes) -> bool:
        if any(each.search(data) for each in follows):
            return True
        return any(each.search(data) for each in in_a_list) and anywhere.search(data) is not None

    return may_hold


def search(store: Store, typed: str) -> Iterator[tuple[RunRecord, tuple[Match, ...]]]:
    """Yield the runs that say something, the newest first, each with where.

    Parameters
    ----------
    store : Store
        Whose runs.
    typed : str
        A text, which is looked for in the names of steps, inputs, outputs and their files, tags, descriptions, errors,
        reasons of forgetting, and in keys and values of config and facet, of which numbers must be equal; or
        ``KEY=VALUE`` for one of those values.

    Raises
    ------
    UsageError
        If it is empty.
    """
    wanted = SearchTerm.of(typed)
    tagged: set[str] = set()
    if wanted.key is None:
        said = (*store.index.marked(TAG), *store.index.marked(FORGET))
        tagged = {run_id for run_id, mark in said if wanted.text in _lower(mark.text)}

    def found() -> Iterator[tuple[RunRecord, tuple[Match, ...]]]:
        for record in store.index.passing(wanted.sieve(), tagged):
            places = tuple(_places(store, record, wanted))
            if places:
                yield record, places

    return found()


def known_keys(store: Store, most: int = 2000) -> tuple[list[str], int, bool]:
    """Return the keys that may be searched under, as far as the newest runs have them.

    Parameters
    ----------
    store : Store
        Whose runs.
    most : int
        At most so many are looked at: 0.1 s.

    Returns
    -------
    tuple
        The keys, those within others with dots and by themselves; how many runs were looked at; whether that is all.
    """
    found: set[str] = set()
    count = 0
    for record in store.index.runs(limit=most + 1):
        count += 1
        if count > most:
            return sorted(found), most, False
        for values in (record.config, record.facet):
            paths = {path for path, _ in _leaves(values)}
            found.update(".".join(path[start:]) for path in paths for start in range(len(path)))
    return sorted(found), count, True


def said_under(record: RunRecord) -> Iterator[str]:
    """Yield KEY=VALUE for each text and number in the config and facet of a run, as `search` finds them."""
    for values in (record.config, record.facet):
        for path, value in _leaves(values):
            if path and isinstance(value, (str, int, float)):
                yield f"{'.'.join(path)}={value}"


def _places(store: Store, record: RunRecord, wanted: SearchTerm) -> Iterator[Match]:
    if wanted.key is None:
        names = [
            ("step", record.step),
            ("description", record.description),
            *(("error", text) for text in record.error),
        ]
        names += [("tag", tag) for tag in store.index.tags_of(record)]
        names += [("forgotten", mark.text) for mark in forgettings(store, record)]
        names += [(f"input.{item.key}", item.key) for item in record.inputs]
        for item in record.outputs:
            at_hand = (item.key, _file_name(item))
            names += [(f"output.{item.key}", text) for text in at_hand if wanted.text in _lower(text)][:1]
        yield from (Match(name, text) for name, text in names if wanted.text in _lower(text))
    for area, values in (("config", record.config), ("facet", record.facet)):
        for path, value in _leaves(values):
            by_key = wanted.key is None and any(wanted.text in _lower(key) for key in path)
            if by_key or (_is_named(wanted, path) and wanted.fits(value)):
                yield Match(".".join((area, *path)), value)


def _file_name(output: ArtifactRecord) -> str:
    """Return what the file was called that became an output, or nothing."""
    path = output.media.get("path")
    return path.rpartition("/")[2] if isinstance(path, str) else ""


def _is_named(wanted: SearchTerm, path: tuple[str, ...]) -> bool:
    """Tell whether a value lies under the key: the last ones of the way to it, as many as were typed."""
    if wanted.key is None:
        return True
    keys = tuple(wanted.key.split("."))
    return path[-len(keys) :] == keys or ".".join(path) == wanted.key


def _leaves(value: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Yield the values in nested maps and lists, each with the keys that lead to it."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _leaves(item, (*path, str(key)))
    elif isinstance(value, list):
        for item in value:
            yield from _leaves(item, path)
    else:
        yield path, value


def _lower(text: str) -> str:
    """Write the letters from A to Z small, as `bytes.lower` does with UTF-8."""
    return text.encode("utf-8", "surrogatepass").lower().decode("utf-8", "surrogatepass")


def _numbers(text: str) -> tuple[Any, ...]:
    word = text.strip()
    if word.lower() in {"true", "false", "null", "none"}:
        return ({"true": True, "false": False}.get(word.lower()),)
    found: list[Any] = []
    for kind in (int, float):
        try:
            found.append(kind(word))
        except ValueError:
            continue
    return tuple(each for each in found if not (isinstance(each, int) and each.bit_length() > 63))  # noqa: PLR2004
