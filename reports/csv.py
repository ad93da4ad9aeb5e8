"""The numbers as comma-separated values: one line a number, its protocol beside it.

Every line stands alone, so that lines of many reports can be put into one file and sorted.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator

from genbench.interfaces import Report
from genbench.tables.table import (
    Cell,
    Document,
    Row,
    Table,
    TableColumn,
)

from ._words import plain

FIELDS = (
    "dataset",
    "resolution",
    "fingerprint",
    "model",
    "run",
    "kind",
    "score",
    "title",
    "unit",
    "better",
    "value",
    "spread",
    "spread_over",
    "low",
    "high",
    "n",
    "best",
    "reason",
    "protocol",
    "source",
)
FORMULA = ("=", "+", "-", "@")  # a spreadsheet runs a text that begins so


def render(report: Document) -> str:
    """A line of names, then the numbers row by row; what was not measured has its reason."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(FIELDS)
    for table in report.tables:
        for row in table.rows:
            for cell, column in zip(row.cells, table.columns, strict=True):
                if cell.value is not None or cell.reason:
                    writer.writerow(_line(table, row, cell, column))
    return stream.getvalue()


def safe(words: str | None) -> str:
    """Words that no spreadsheet takes for a formula: an apostrophe says that they are text."""
    line = plain(words or "")
    return f"'{line}" if line.startswith(FORMULA) else line


def _line(table: Table, row: Row, cell: Cell, column: TableColumn) -> Iterator[str]:
    """In the order of FIELDS; numbers in full, nothing where there is none."""
    better = {True: "lower", False: "higher", None: ""}[column.lower_is_better]
    yield from (safe(table.dataset), str(table.resolution), table.fingerprint)
    kind = "yardstick" if row.anchor else "published" if row.published else "model"
    yield from (safe(row.label), safe(row.run), kind)
    yield from (safe(column.score), safe(column.title), safe(column.unit), better)
    yield from (_number(cell.value), _number(cell.spread), safe(cell.spread_over))
    yield from (_number(cell.low), _number(cell.high), "" if cell.n is None else str(cell.n))
    yield from ("yes" if cell.best else "", safe(cell.reason))
    yield (column.protocol_id or "") if cell.value is not None else ""
    yield safe(column.source)


def _number(value: float | None) -> str:
    return "" if value is None else repr(value)


REPORT = Report(".csv", render)
