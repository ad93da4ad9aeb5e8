"""The one model of a table that every form of a report prints.

A column holds one protocol only. Where the records of a score carry two, the score has two
columns, and the footnote of the second names the fields that keep them apart.
"""

from __future__ import annotations

import hashlib
import re
import string
from dataclasses import dataclass

from genbench.tables.digits import Number, number
from genbench.tables.footnotes import (
    Footnote,
)

NOT_MEASURED = "not measured"
NO_RECORD = "—"


@dataclass(frozen=True)
class Cell:
    """One number, or why there is none; neither where nobody asked for it."""

    value: float | None = None  # finite
    spread: float | None = None
    spread_over: str | None = None
    n: int | None = None  # rows the number was taken over
    reason: str | None = None  # why there is no value
    best: bool = False
    low: float | None = None  # of the 95 % interval, where there is one
    high: float | None = None


@dataclass(frozen=True)
class TableColumn:
    """A score under one protocol."""

    score: str
    title: str
    unit: str
    lower_is_better: bool | None
    digits: int  # decimals at which its numbers end; an error bar may end one earlier
    protocol_id: str | None  # None where no model could be measured
    marker: str = ""  # of the footnote
    median: bool = False  # of values image by image; else their mean
    source: str = ""  # paper and table, of a column of published numbers; else empty
    about: str = ""  # what it says, in a sentence
    headline: bool = True  # one of the few that readers look for first

    @property
    def arrow(self) -> str:
        """Which way is better, if one is."""
        if self.lower_is_better is None:
            return ""
        return "↓" if self.lower_is_better else "↑"

    @property
    def heading(self) -> str:
        """Title and unit."""
        return f"{self.title} ({self.unit})" if self.unit else self.title


@dataclass(frozen=True)
class Row:
    """A model, or an anchor to hold models against: real images, an untrained model."""

    label: str  # the model, with the run where another row has the same model
    run: str
    anchor: bool
    cells: tuple[Cell, ...]  # one per column
    published: bool = False  # a system of a paper that nobody has measured here


@dataclass(frozen=True)
class Table:
    """Numbers on the same data: the same data set, resolution and decoded bytes."""

    title: str
    dataset: str
    resolution: int
    fingerprint: str  # empty where nothing was measured
    columns: tuple[TableColumn, ...]
    rows: tuple[Row, ...]  # contenders, then those of papers, anchors last
    footnotes: tuple[Footnote, ...] = ()
    reasons: tuple[str, ...] = ()  # why cells are empty; `mark` gives the number of a cell's
    brief: str = ""  # of all that follows, the one line to read with the numbers
    notes: tuple[str, ...] = ()  # on the table as a whole
    remarks: tuple[str, ...] = ()  # on single numbers

    def mark(self, cell: Cell) -> str:
        """Number of the cell's reason under the table, from 1; empty where it has none."""
        return str(self.reasons.index(cell.reason) + 1) if cell.reason else ""


@dataclass(frozen=True)
class Figure:
    """A picture with its words."""

    title: str
    caption: str
    png: bytes
    alt: str  # what is to be seen, for those who cannot see it
    first: bool = False  # stands above the tables: what to see at a glance
    large: bool = False  # takes the whole width, where a form sets figures beside each other


@dataclass(frozen=True)
class Document:
    """Everything a report says, in whatever form."""

    title: str
    lead: tuple[str, ...] = ()  # paragraphs
    tables: tuple[Table, ...] = ()
    figures: tuple[Figure, ...] = ()
    facts: tuple[tuple[str, str], ...] = ()  # (name, value): command, version, time, hardware
    next_steps: tuple[str, ...] = ()  # commands
    unfolded: bool = False  # whether a form that folds notes away prints them all


def figure_file(figure: Figure) -> str:
    """Where a form that cannot embed pictures expects this one: ``figures/<slug>.png``.

    The name ends with a digest of the picture, so that equal titles do not meet.
    """
    slug = re.sub(r"[^a-z0-9]+", "-", figure.title.lower())[:60].strip("-") or "figure"
    return f"figures/{slug}-{hashlib.sha256(figure.png).hexdigest()[:8]}.png"


def text(cell: Cell, column: TableColumn) -> str:
    """What stands in the cell, on one line, without the mark of a reason."""
    if cell.value is None:
        return NOT_MEASURED if cell.reason else NO_RECORD
    return str(printed(cell.value, cell.spread, column))


def printed(value: float, spread: float | None, column: TableColumn) -> Number:
    """A number of a column: as its error bar allows, or as its paper has printed it."""
    if not column.source:
        return number(value, spread, column.digits)
    bar = "" if spread is None else f"{spread:.{column.digits}f}"
    return Number(f"{value:.{column.digits}f}", bar)


def bodies(table: Table) -> list[list[Row]]:
    """The rows in groups to be kept apart: contenders, those of papers, anchors; none empty."""
    kinds = [(row.published, row.anchor) for row in table.rows]
    return [
        [row for row, kind in zip(table.rows, kinds, strict=True) if kind == one]
        for one in ((False, False), (True, False), (False, True))
        if one in kinds
    ]


# --- from records to tables -------------------------------------------------------------


def letters(index: int) -> str:
    """0, 1, ... 25, 26 -> a, b, ... z, aa."""
    tail = string.ascii_lowercase[index % 26]
    return tail if index < 26 else letters(index // 26 - 1) + tail
