"""A comparison of sets of images as plain text: a line for each score, no wider than a terminal."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence

from genbench.results.record import Record
from genbench.tables.build import build
from genbench.tables.headings import column
from genbench.tables.table import NO_RECORD, Cell, Row, Table, TableColumn, text

GAP = "  "


def to_text(records: Sequence[Record], width: int = 80) -> str:
    """Scores down, sets across, as many as *width* columns of text have room for; then notes."""
    lines = [line for table in build(records, column) for line in _table(table, width)]
    notes = [*_reasons(records), *_remarks(records)]
    wrapped = [line for note in notes for line in textwrap.wrap(_plain(note), width)]
    return "\n".join([*lines, *wrapped]).rstrip()


def _table(table: Table, width: int) -> Iterator[str]:
    """Blocks of rows of the table, turned."""
    if not any(cell.value is not None for row in table.rows for cell in row.cells):
        return
    heads = [" ".join(filter(None, (_plain(head.heading), head.arrow))) for head in table.columns]
    first = max(map(len, ["images", *heads]))
    for rows in _blocks(table, width - first):
        columns = [_cells(row, table) for row in rows]
        yield f"against {_plain(table.title)}"
        yield from _aligned([["", "images", *heads], *columns])
        yield ""
    if table.columns:
        yield from textwrap.wrap(_plain(_bars(table)), width)
        yield ""


def _bars(table: Table) -> str:
    """What the arrows and the error bars are."""
    over = dict.fromkeys(
        cell.spread_over for row in table.rows for cell in row.cells if cell.spread_over
    )
    return " ".join(
        ["↓ lower is better, ↑ higher.", *([f"± is {' or '.join(over)}."] if over else [])]
    )


def _blocks(table: Table, room: int) -> Iterator[list[Row]]:
    """Rows that stand beside each other in *room* characters; at least one."""
    block: list[Row] = []
    left = room
    for row in table.rows:
        mine = len(GAP) + max(map(len, _cells(row, table)))
        if block and mine > left:
            yield block
            block, left = [], room
        block.append(row)
        left -= mine
    yield block


def _cells(row: Row, table: Table) -> list[str]:
    """The name of a set, how many images of it were taken, and its numbers."""
    pairs = zip(row.cells, table.columns, strict=True)
    n = max((cell.n for cell in row.cells if cell.n is not None), default=0)
    return [_plain(row.label), str(n), *(_cell(cell, head) for cell, head in pairs)]


def _cell(cell: Cell, head: TableColumn) -> str:
    return NO_RECORD if cell.value is None else text(cell, head)


def _aligned(columns: Sequence[Sequence[str]]) -> Iterator[str]:
    widths = [max(map(len, each)) for each in columns]
    for line in zip(*columns, strict=True):
        cells = [word.ljust(size) for word, size in zip(line, widths, strict=True)]
        yield GAP.join(cells).rstrip()


def _reasons(records: Sequence[Record]) -> Iterator[str]:
    """What is not there, and why."""
    found: dict[str, list[str]] = {}
    for record in records:
        if record.value is None:
            found.setdefault(record.reason or "", []).append(record.metric)
    for reason, metrics in found.items():
        yield f"not measured: {', '.join(dict.fromkeys(metrics))}: {reason}"


def _remarks(records: Sequence[Record]) -> Iterator[str]:
    """What numbers do not say, once for all scores that share it."""
    found: dict[str, list[str]] = {}
    for record in records:
        if record.value is not None and record.note:
            title = column(record.metric, record.score).title
            found.setdefault(record.note, []).append(title)
    for note, titles in found.items():
        yield f"{', '.join(dict.fromkeys(titles))}: {note}"


def _plain(words: str) -> str:
    """Text that steers no terminal."""
    return "".join(c if c.isprintable() else "\ufffd" for c in words)
