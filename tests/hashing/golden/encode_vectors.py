"""Encode the golden vectors and print one JSON object: value -> [encoding, digest], both in hex.

Run by ``test_golden.py`` in processes of its own, one for every PYTHONHASHSEED that it tries.
"""

import collections
import dataclasses
import datetime as dt
import decimal
import enum
import fractions
import json
import pathlib
import re
import sys
import types
import typing
import uuid
import zoneinfo

import numpy as np

from consist.hashing.canonical import canonical_digest, encode


class Colour(enum.Enum):
    RED = 1


class Level(enum.IntEnum):
    HIGH = 1


@dataclasses.dataclass
class Point:
    x: int
    y: float


class Labelled(Point):
    def __init__(self, x, y, label):
        super().__init__(x, y)
        self.label = label


class Pair(typing.NamedTuple):
    left: object
    right: object


class Word(str):
    __slots__ = ()


class Config(dict):
    def __init__(self, **values):
        super().__init__(values)
        self.source = "cli"


NAMES = {
    **{module.__name__: module for module in (collections, decimal, fractions, pathlib, re, types, uuid, zoneinfo)},
    **{cls.__name__: cls for cls in (Colour, Level, Point, Labelled, Pair, Word, Config)},
    "dt": dt,
    "np": np,
}


def main() -> None:
    vectors = json.loads(pathlib.Path(sys.argv[1]).read_text(encoding="utf-8"))
    answers = {}
    for vector in vectors["values"]:
        value = eval(vector["value"], NAMES)  # noqa: S307 - expressions of our own, from the file beside this one
        answers[vector["value"]] = [encode(value).hex(), canonical_digest(vectors["context"], value).hex]
    print(json.dumps(answers))


main()
