"""Figures of matplotlib as PNG, without date and version, so that an equal figure is an equal blob.

A figure comes back as what it shows, not as a figure: `Png`, the bytes of the image, which a notebook displays.
"""

from __future__ import annotations

import contextlib
import io
import struct
from typing import TYPE_CHECKING, Any, BinaryIO

from consist.arguments import an
from consist.errors import DamagedError, OutputError
from consist.runs.formats.streams import Prepared

if TYPE_CHECKING:
    from collections.abc import Iterator

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_SIDES = struct.Struct(">II")
_AT = 16
"""Where width and height are: behind the signature, and the length and name of the first part."""


class Png(bytes):
    """The bytes of a PNG image; a notebook shows it.

    Examples
    --------
    >>> Png(b"...").startswith(b".")
    True
    """

    __slots__ = ()

    def _repr_png_(self) -> bytes:
        return bytes(self)


@contextlib.contextmanager
def prepare(value: Any) -> Iterator[Prepared]:
    """Make a PNG of a figure, as it is drawn by `savefig` with the figure's own size and resolution.

    Raises
    ------
    OutputError
        If it is no figure, but a part of one.
    """
    if isinstance(value, Png):
        data = bytes(value)
    elif hasattr(value, "savefig"):
        sink = io.BytesIO()
        value.savefig(sink, format="png", metadata={"Software": None})
        data = sink.getvalue()
    else:
        raise OutputError(
            f"{an(type(value).__name__)} of matplotlib has no format", hint="return its figure, such as ax.figure"
        )
    width, height = _sides(data)
    yield Prepared(len(data), io.BytesIO(data), {"width": width, "height": height})


def read(stream: BinaryIO) -> Png:
    """Read an image back.

    Raises
    ------
    DamagedError
        If it is no PNG.
    """
    data = stream.read()
    _sides(data)
    return Png(data)


def _sides(data: bytes) -> tuple[int, int]:
    if not data.startswith(_SIGNATURE) or len(data) < _AT + _SIDES.size:
        raise DamagedError("not a PNG image")
    width, height = _SIDES.unpack_from(data, _AT)
    return width, height
