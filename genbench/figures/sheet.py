"""Images in rows and columns, with labels beside them, pixel for pixel."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from genbench.figures.canvas import (
    SMALL,
    WIDTH,
    Drawing,
    Words,
    blank,
    text,
    width_of,
    wrap,
)

SIDE = 96  # pixels an image has, at least
LEAST_DPI = 225.0
LABEL = 1.3  # inches that labels of rows may take


@dataclass(frozen=True)
class Tile:
    """An image and its place. Rows and columns need not be whole numbers."""

    image: Tensor  # uint8 (3, h, w)
    row: float
    column: float
    note: str = ""  # under it


@dataclass(frozen=True)
class Sheet:
    """Tiles of one size, and what is written around them."""

    tiles: Sequence[Tile]
    rows: Mapping[float, str] = field(default_factory=dict)  # labels on the left
    columns: Mapping[float, str] = field(default_factory=dict)  # labels above


def block(images: Tensor, columns: int, row: float = 0.0) -> list[Tile]:
    """Images (n, 3, h, w) row by row, beginning at *row*."""
    return [Tile(image, row + i // columns, i % columns) for i, image in enumerate(images)]


def draw(sheet: Sheet, words: Words) -> Drawing:
    """The drawing of a sheet. Every pixel of an image becomes a square of whole pixels."""
    place = _Places(sheet)
    with blank(place.width / place.dpi, place.height / place.dpi) as canvas:
        canvas.set_dpi(place.dpi)
        # All tiles in one picture: axes of their own would take 20 ms each.
        axes = canvas.add_axes((0, 0, 1, 1))
        axes.set_axis_off()
        axes.imshow(_pasted(sheet.tiles, place), interpolation="none", aspect="auto")
        for tile in sheet.tiles:
            if tile.note:
                left, top = place.corner(tile.row, tile.column)
                x, y = left + place.side / 2, top + place.side + place.pixels(0.02)
                canvas.text(*place.share(x, y), text(tile.note), ha="center", va="top", size=SMALL)
        for row, label in sheet.rows.items():
            middle = place.corner(row, 0)[1] + place.side / 2
            spot = place.share(place.margin - place.pixels(0.06), middle)
            canvas.text(*spot, "\n".join(_lines(label)), ha="right", va="center", size=SMALL)
        for column, label in sheet.columns.items():
            middle = place.corner(0, column)[0] + place.side / 2
            spot = place.share(middle, place.head - place.pixels(0.03))
            canvas.text(*spot, text(label), ha="center", va="bottom", size=SMALL)
    return Drawing(words, canvas, place.dpi)


def _pasted(tiles: Sequence[Tile], place: _Places) -> NDArray[np.uint8]:
    """Every tile at its place on white: (height, width, 3)."""
    paper = np.full((place.height, place.width, 3), 255, dtype=np.uint8)
    for tile in tiles:
        left, top = place.corner(tile.row, tile.column)
        pixels = tile.image.permute(1, 2, 0).cpu().numpy()
        times = place.side // len(pixels)
        pixels = pixels.repeat(times, 0).repeat(times, 1)
        paper[top : top + place.side, left : left + place.side] = pixels
    return paper


class _Places:
    """Where things stand, in pixels from the top left."""

    def __init__(self, sheet: Sheet) -> None:
        shape = sheet.tiles[0].image.shape[-1]
        self.side: int = shape * -(-SIDE // shape)
        self.gap = max(2, self.side // 24)
        rows, columns = [t.row for t in sheet.tiles], [t.column for t in sheet.tiles]
        self.first_row, self.first_column = min(rows), min(columns)
        across = self.pitch * (max(columns) - self.first_column) + self.side
        self.dpi = max(LEAST_DPI, across / WIDTH)
        self.notes = self.pixels(0.14) if any(tile.note for tile in sheet.tiles) else 0
        labels = [width_of(line, SMALL) for label in sheet.rows.values() for line in _lines(label)]
        self.margin = self.pixels(max(labels) + 0.12) if labels else self.gap
        self.head = self.pixels(0.17) if sheet.columns else self.gap
        # Labels of the outer columns may be wider than an image.
        over = [
            self.pixels(width_of(text(label), SMALL) / 2 + 0.03) - self.side // 2
            for column, label in sheet.columns.items()
            if column in (self.first_column, max(columns))
        ]
        self.margin = max([self.margin, *over])
        self.width = round(self.margin + across + max([self.gap, *over]))
        bottom = self.corner(max(rows), 0)[1] + self.side + self.notes
        self.height = bottom + self.gap

    @property
    def pitch(self) -> int:
        """From one tile to the next."""
        return self.side + self.gap

    def pixels(self, inches: float) -> int:
        """Whole pixels in so many inches."""
        return round(inches * self.dpi)

    def corner(self, row: float, column: float) -> tuple[int, int]:
        """Left and top of a tile."""
        left = self.margin + round((column - self.first_column) * self.pitch)
        top = self.head + round((row - self.first_row) * (self.pitch + self.notes))
        return left, top

    def share(self, x: float, y: float) -> tuple[float, float]:
        """Pixels from the top left as matplotlib counts: shares from the bottom left."""
        return x / self.width, 1 - y / self.height


def _lines(label: str) -> list[str]:
    return wrap(text(label, 60), LABEL, SMALL) or [""]
