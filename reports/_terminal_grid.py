"""A table laid out for a width: upright or turned, whatever is shorter, in blocks that fit."""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rich.cells import cell_len
from rich.text import Text

from genbench.tables.table import NO_RECORD, Cell, Row, Table, TableColumn, text

from ._words import plain

EDGE = " "  # before each line
GAP = 2  # blanks between columns
WORD = 20  # letters of a word that is broken only where it must be
UNBROKEN = "\N{NO-BREAK SPACE}"  # between a title and its arrow
FRAME = 2  # lines that a block takes beside its own: a rule, and an empty one above


@dataclass(frozen=True)
class Face:
    """A table one way round: what stands on the left, on top, and in between."""

    corner: str
    side: Sequence[Text]
    top: Sequence[Text]
    cells: Sequence[Sequence[Text]]  # line by line

    def turned(self, corner: str) -> Face:
        """Lines for columns and columns for lines."""
        return Face(corner, self.top, self.side, list(zip(*self.cells, strict=True)))

    def head(self, index: int) -> Text:
        """What stands above a column, folded to about the width of its cells."""
        words = self.top[index]
        longest = min(max(map(len, words.plain.split(" "))), WORD) if words.plain.strip() else 0
        return _folded(words, max([longest, *(line[index].cell_len for line in self.cells)]))

    def wants(self, index: int) -> int:
        """Letters that a column needs, with the gap before it."""
        return GAP + max(_width(self.head(index)), *(line[index].cell_len for line in self.cells))

    def names(self, width: int) -> int:
        """Letters for the left side: names fold, numbers do not."""
        widest = max(map(_width, [Text(self.corner), *self.side]))
        return min(widest, max(width // 2 - GAP, WORD))

    def blocks(self, width: int) -> list[list[int]]:
        """Columns that fit side by side: at least one at a time."""
        blocks: list[list[int]] = [[]]
        names = used = len(EDGE) + self.names(width)
        for index in range(len(self.top)):
            if blocks[-1] and used + self.wants(index) > width:
                blocks.append([])
                used = names
            blocks[-1].append(index)
            used += self.wants(index)
        return blocks

    def height(self, width: int) -> int:
        """Lines that it takes."""
        names = self.names(width)
        lines = sum(_folded(name, names).plain.count("\n") + 1 for name in self.side)
        heads = (max(self.head(i).plain.count("\n") for i in b) + 1 for b in self.blocks(width))
        return sum(lines + head + FRAME for head in heads)


def grids(table: Table, width: int, *, marked: bool) -> Iterator[Text]:
    """The lines of a table; where they are too wide turned or in blocks, whatever is shorter.

    Args:
        marked: whether every column names its footnote; else those that share a title, and those
            of papers.
    """
    titles = Counter(column.title for column in table.columns)
    upright = Face(
        "model",
        [Text(plain(row.label), _style(row, None)) for row in table.rows],
        [
            Text(_head(c, marked=marked or bool(c.source) or titles[c.title] > 1))
            for c in table.columns
        ],
        [
            [
                Text(_words(table, cell, column), _style(row, cell))
                for cell, column in zip(row.cells, table.columns, strict=True)
            ]
            for row in table.rows
        ],
    )
    face = upright
    if len(upright.blocks(width)) > 1:
        face = min((upright, upright.turned("metric")), key=lambda face: face.height(width))
    names = face.names(width)
    for block in face.blocks(width):
        widths = [face.wants(index) - GAP for index in block]
        yield Text()
        yield from _line(Text(face.corner), names, [face.head(i) for i in block], widths)
        yield Text(EDGE + "─" * (names + sum(widths) + GAP * len(widths)), "dim")
        for name, line in zip(face.side, face.cells, strict=True):
            yield from _line(_folded(name, names), names, [line[i] for i in block], widths)


def _line(name: Text, names: int, cells: Sequence[Text], widths: Sequence[int]) -> Iterator[Text]:
    """A line of the table, or several where something in it is folded: all end below."""
    parts = [name.split("\n"), *(cell.split("\n") for cell in cells)]
    height = max(map(len, parts))
    for at in range(height):
        line = Text(EDGE, no_wrap=True)
        for index, (part, room) in enumerate(zip(parts, (names, *widths), strict=True)):
            # Names begin above, numbers and their heads end below.
            place = at if index == 0 else at - (height - len(part))
            words = part[place] if 0 <= place < len(part) else Text()
            blanks = " " * (room - words.cell_len)
            line.append_text(words + blanks if index == 0 else Text(" " * GAP + blanks) + words)
        yield line


def _head(column: TableColumn, *, marked: bool) -> str:
    marker = f"[{column.marker}]" if column.marker and marked else ""
    return UNBROKEN.join(filter(None, (plain(column.title), column.arrow, marker)))


def _words(table: Table, cell: Cell, column: TableColumn) -> str:
    if cell.reason:
        return f"{NO_RECORD} ({table.mark(cell)})"
    return f"* {text(cell, column)}" if cell.best else text(cell, column)


def _style(row: Row, cell: Cell | None) -> str:
    if row.anchor:
        return "dim italic"
    return "bold" if cell is not None and cell.best else ""


def _folded(words: Text, width: int) -> Text:
    """On several lines as wide as *width*; parted between words, or within a longer one."""
    letters = max(1, width * len(words) // max(1, words.cell_len))  # some are two wide
    lines = textwrap.wrap(words.plain, letters) or [""]
    return Text("\n".join(lines).replace(UNBROKEN, " "), words.style)


def _width(words: Text) -> int:
    return max(map(cell_len, words.plain.split("\n")))
