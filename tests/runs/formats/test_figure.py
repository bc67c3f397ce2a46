"""Figures: the same picture is the same bytes, and what comes back is the picture."""

from __future__ import annotations

import io
import struct
import zlib

import matplotlib as mpl
import pytest
from matplotlib.figure import Figure

from consist import errors
from consist.runs.formats import figure


def drawn(*heights, cls=Figure):
    fig = cls(figsize=(2, 1), dpi=50)
    fig.subplots().bar(range(len(heights)), heights)
    return fig


def written(value):
    with figure.prepare(value) as prepared:
        data = prepared.stream.read()
    assert prepared.size == len(data)
    return data, prepared.media


def parts(data):
    """Return the names of the parts of a PNG, each with its checksum compared."""
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    names, at = [], 8
    while at < len(data):
        (length,) = struct.unpack(">I", data[at : at + 4])
        body = data[at + 4 : at + 8 + length]
        assert zlib.crc32(body) == struct.unpack(">I", data[at + 8 + length : at + 12 + length])[0]
        names.append(body[:4].decode())
        at += 12 + length
    return names


def test_a_figure_is_a_png_without_date_and_version():
    data, media = written(drawn(1, 2))
    assert media == {"width": 100, "height": 50}
    assert mpl.__version__.encode() not in data
    assert not {"tEXt", "iTXt", "tIME"} & set(parts(data))
    image = mpl.image.imread(io.BytesIO(data))
    assert image.shape == (50, 100, 4)
    assert image.min() < 0.9  # something was drawn


def test_equal_figures_are_equal_bytes_and_others_are_not():
    assert written(drawn(1, 2))[0] == written(drawn(1, 2))[0] != written(drawn(2, 1))[0]


def test_what_comes_back_is_the_image_and_can_go_on():
    data, media = written(drawn(3))
    back = figure.read(io.BytesIO(data))
    assert (back, back._repr_png_(), type(back._repr_png_())) == (data, data, bytes)
    assert written(back) == (data, media)


def test_a_part_of_a_figure_says_what_to_return():
    with pytest.raises(errors.OutputError, match=r"of matplotlib has no format \(return its figure, such as ax.figure"):
        written(drawn(1).axes[0])


@pytest.mark.parametrize("data", [b"", b"\x89PNG", b"GIF89a" * 10])
def test_what_is_no_image_is_damage(data):
    with pytest.raises(errors.DamagedError, match="not a PNG"):
        figure.read(io.BytesIO(data))
