"""Content-defined cut points: where a large content is cut into chunks, whatever stands before and after them.

FastCDC 2020 (Xia et al., "The Design of Fast Content-Defined Chunking for Data Deduplication Based Storage Systems",
IEEE TPDS 31(9), 2020), by the package ``pyfastcdc``. Boundaries are part of the format of a store and never change
within one: ``docs/format.md`` specifies them, and golden vectors hold them (``tests/hashing/golden/cuts.json``).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from consist.errors import FormatError

if TYPE_CHECKING:
    from collections.abc import Mapping

ALGORITHM = "fastcdc-2020"

_FIELDS = ("min", "average", "max", "normalisation")
_SMALLEST, _LARGEST = 64, 16 << 20


@dataclass(frozen=True, slots=True)
class Chunking:
    """The parameters that boundaries depend on.

    Attributes
    ----------
    min, average, max : int
        Bytes; `average` is a power of two. The mean of what comes out is about `min` + `average`.
    normalisation : int
        How strongly chunk sizes are drawn to the average, 0 to 3.
    """

    min: int = 64 << 10
    average: int = 256 << 10
    max: int = 1 << 20
    normalisation: int = 1

    @classmethod
    def parse(cls, fields: Mapping[str, Any]) -> Chunking:
        """Read the object ``chunking`` of a ``consist.json``.

        Raises
        ------
        FormatError
            If it names another algorithm, or parameters that this consist cannot cut by.
        """
        values = [fields.get(name) for name in _FIELDS]
        if fields.get("algorithm") != ALGORITHM or not all(type(value) is int for value in values):
            raise FormatError(
                f"the store cuts by {dict(fields)!r:.200}, which this consist cannot", hint="upgrade consist"
            )
        found = cls(*values)  # type: ignore[arg-type]  # integers, as was just seen
        in_order = _SMALLEST <= found.min <= found.average <= found.max <= _LARGEST
        if not in_order or found.average & (found.average - 1) or not 0 <= found.normalisation <= 3:  # noqa: PLR2004
            raise FormatError(f"the store cuts by {dict(fields)!r:.200}: out of range", hint="upgrade consist")
        return found

    def as_json(self) -> dict[str, Any]:
        """Return what `parse` reads."""
        return {"algorithm": ALGORITHM, **{name: getattr(self, name) for name in _FIELDS}}


class Chunker:
    """Cuts one content, window by window. Not for several threads at once.

    Parameters
    ----------
    chunking : Chunking
        The store's.

    Examples
    --------
    >>> chunker = Chunker(Chunking(min=64, average=256, max=1024))
    >>> content = bytes(range(256)) * 20
    >>> chunker.cut(content, is_last=True)[-1] == len(content)
    True
    """

    __slots__ = ("_cutter",)

    def __init__(self, chunking: Chunking) -> None:
        from pyfastcdc import FastCDC

        self._cutter = FastCDC(
            chunking.average,
            min_size=chunking.min,
            max_size=chunking.max,
            normalized_chunking=chunking.normalisation,  # type: ignore[arg-type]  # 0 to 3, as `parse` saw
        )

    def cut(self, window: bytes | bytearray | memoryview, *, is_last: bool) -> list[int]:
        """Return where the chunks end that begin at the window's start.

        Parameters
        ----------
        window : bytes-like
            What follows the last cut, as far as it is known.
        is_last : bool
            Whether the content ends with the window. If not, what follows the last cut is no chunk yet: it is to
            stand at the start of the next window.

        Returns
        -------
        list of int
            Ends, ascending. A cut before the window's end depends on nothing behind it, so windows of any size give
            the same cuts.
        """
        ends = [chunk.offset + chunk.length for chunk in self._cutter.cut_buf(window)] if len(window) else []
        if not is_last and ends:
            ends.pop()
        return ends
