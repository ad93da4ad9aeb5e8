"""The report as text for a terminal: styled on a terminal, bare where it is piped."""

from __future__ import annotations

import io
import shutil
import sys
from collections.abc import Iterable, Iterator, Sequence

from rich.box import SIMPLE_HEAD
from rich.cells import cell_len
from rich.console import Console
from rich.padding import Padding
from rich.table import Table as Grid
from rich.text import Text

from genbench.interfaces import Report
from genbench.tables.table import (
    Cell,
    Document,
    Row,
    Table,
    TableColumn,
    figure_file,
    text,
)

from ._words import plain

GAP = 2  # blanks that rich puts around each column together
PIPED = (100, 24)  # columns and lines of text where there is no terminal to ask
MODEL = "model"


def render(report: Document) -> str:
    """The whole text, as wide as the terminal, or as COLUMNS says.

    Numbers are never cut: a table that is too wide goes on below, with its models again.
    """
    size = shutil.get_terminal_size(PIPED)
    stream = io.StringIO()
    console = Console(
        file=stream,
        force_terminal=sys.stdout.isatty(),
        width=size.columns,
        height=size.lines,
        highlight=False,
    )
    for part in _parts(report, size.columns):
        console.print(part)
    return "".join(f"{line.rstrip()}\n" for line in stream.getvalue().strip().splitlines())


def _parts(report: Document, width: int) -> Iterator[Text | Grid | Padding]:
    if report.title:
        yield Text(plain(report.title), "bold")
    for words in report.lead:
        yield Text(f"\n{plain(words)}")
    for table in report.tables:
        yield from _table(table, width)
    for name, items in (
        ("Figures", [f"{f.title}: {f.caption} ({figure_file(f)})" for f in report.figures]),
        ("How this was made", [f"{name}: {value}" for name, value in report.facts]),
    ):
        if items:
            yield Text(f"\n{name}", "bold")
            yield from (_indented("", item) for item in items)
    if report.next_steps:
        yield Text("\nNext", "bold")
        # A command is to be copied, so it is not wrapped.
        yield from (
            Text(f"  {plain(step)}", no_wrap=True, overflow="ignore") for step in report.next_steps
        )


def _table(table: Table, width: int) -> Iterator[Text | Grid | Padding]:
    yield Text(f"\n{plain(table.title)}", "bold")
    for block in _blocks(table, width):
        yield _grid(table, block)
    yield from (_indented(f"({i})", reason) for i, reason in enumerate(table.reasons, start=1))
    yield from (_indented("", note) for note in (*table.notes, *table.remarks))
    for note in table.footnotes:
        titles = ", ".join(note.titles)
        yield _indented(f"[{note.marker}]", f"{titles}: {note.brief}")
        yield from (_indented("", f"[{note.marker}] differs: {line}") for line in note.differs)
    if table.footnotes:
        yield _indented("", "The whole recipe behind a number: genbench table protocol ID")


def _blocks(table: Table, width: int) -> Iterator[list[int]]:
    """Columns that fit side by side, beside the models: at least one at a time."""
    # Names fold, numbers do not: long names may take half of the width.
    models = min(_widest([MODEL, *(plain(row.label) for row in table.rows)]), width // 2)
    block: list[int] = []
    used = models
    for index, column in enumerate(table.columns):
        words = [_words(table, row.cells[index], column) for row in table.rows]
        wants = _widest([*_head(column).split("\n"), *words])
        if block and used + wants > width:
            yield block
            block, used = [], models
        block.append(index)
        used += wants
    yield block


def _widest(words: Iterable[str]) -> int:
    return max(map(cell_len, words)) + GAP


def _grid(table: Table, block: Sequence[int]) -> Grid:
    grid = Grid(box=SIMPLE_HEAD, header_style="", pad_edge=False)
    grid.add_column(Text(MODEL), overflow="fold")
    for index in block:
        grid.add_column(Text(_head(table.columns[index])), justify="right", no_wrap=True)
    for row in table.rows:
        cells = [(row.cells[index], table.columns[index]) for index in block]
        words = [Text(_words(table, *pair), _style(row, pair[0])) for pair in cells]
        grid.add_row(Text(plain(row.label), _style(row, None)), *words)
    return grid


def _head(column: TableColumn) -> str:
    marker = f" [{column.marker}]" if column.marker else ""
    return f"{plain(column.heading)} {column.arrow}{marker}"


def _words(table: Table, cell: Cell, column: TableColumn) -> str:
    words = text(cell, column)
    if cell.reason:
        return f"{words} ({table.mark(cell)})"
    return f"* {words}" if cell.best else words


def _style(row: Row, cell: Cell | None) -> str:
    if row.anchor:
        return "dim italic"
    return "bold" if cell is not None and cell.best else ""


def _indented(mark: str, words: str) -> Padding:
    """A note that hangs under its mark."""
    return Padding(Text(f"{mark} {plain(words)}".strip()), (0, 0, 0, 2))


REPORT = Report(".txt", render)
