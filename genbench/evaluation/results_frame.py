"""What `genbench.evaluate` returns: a DataFrame that shows itself as models against metrics."""

from __future__ import annotations

import html
import math
import shutil
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, asdict, fields
from typing import Any

import pandas as pd

from genbench.errors import GenbenchError
from genbench.results.record import Record
from genbench.tables.build import build
from genbench.tables.headings import column
from genbench.tables.table import Cell, Row, Table, TableColumn, text

NEEDED = frozenset(
    field.name
    for field in fields(Record)
    if field.default is MISSING and field.default_factory is MISSING
) | {"spread", "reason", "anchor", "protocol", "protocol_id"}
NUMBER = "text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums"
NAME = "text-align: left"


class Results(pd.DataFrame):
    """One row per number, as in any DataFrame; printed and shown as models against metrics.

    What is taken out of it stays a `Results`, and is shown so as long as the columns are there
    that make a record; else as pandas shows it.
    """

    @property
    def _constructor(self) -> type[Results]:
        return Results

    def _repr_html_(self) -> str | None:
        """For a notebook."""
        tables = _tables(self)
        if not tables:
            plain: Any = pd.DataFrame(self)
            shown: str | None = plain._repr_html_()
            return shown
        return "".join(map(_html, tables)) + _more(self)

    def __repr__(self) -> str:
        """For a prompt."""
        tables = _tables(self)
        if not tables:
            return repr(pd.DataFrame(self))
        width = shutil.get_terminal_size().columns
        return "\n\n".join([*(_words(table, width) for table in tables), _more(self, "{}")])


def frame(records: Sequence[Record]) -> Results:
    """The fields of each record, and its id."""
    names = ["id", *(field.name for field in fields(Record))]
    return Results([{"id": each.id, **asdict(each)} for each in records], columns=names)


def _tables(frame: pd.DataFrame) -> list[Table]:
    """What the rows say, as far as they are still records."""
    if not set(frame.columns) >= NEEDED or frame.columns.has_duplicates:
        return []
    names = [field.name for field in fields(Record) if field.name in frame.columns]
    try:
        return build([_record(row) for row in frame[names].to_dict("records")], column)
    except (GenbenchError, TypeError, ValueError, KeyError, AttributeError):
        return []  # rows were changed into something else, which pandas can show


def _record(row: Mapping[Any, Any]) -> Record:
    """What is missing is None again, which pandas turns into NaN."""
    plain: dict[str, Any] = {
        name: None if isinstance(value, float) and math.isnan(value) else value
        for name, value in row.items()
    }
    if plain.get("n") is not None:
        plain["n"] = int(plain["n"])
    return Record(**plain)


def _words(table: Table, width: int) -> str:
    """Models or metrics across, whichever are fewer, in blocks as wide as the terminal."""
    cells = [
        [f"{'* ' if cell.best else ''}{text(cell, head)}" for cell, head in _pairs(row, table)]
        for row in table.rows
    ]
    names = [_plain(row.label) for row in table.rows]
    shown = pd.DataFrame(cells, names, [_plain(_title(head)) for head in table.columns])
    turned = shown.T if _is_turned(table) else shown
    brief = textwrap.fill(_plain(table.brief), width)
    return f"{_plain(table.title)}\n{turned.to_string(line_width=width)}\n{brief}".rstrip()


def _html(table: Table) -> str:
    """Likewise, as a fragment of a page."""
    names = [f'<th style="{NAME}">{_safe(row.label)}</th>' for row in table.rows]
    heads = [
        f'<th style="{NAME}" title="{_safe(head.about)}">{_safe(_title(head))}</th>'
        for head in table.columns
    ]
    cells = [[_cell(cell, head) for cell, head in _pairs(row, table)] for row in table.rows]
    if _is_turned(table):
        names, heads, cells = heads, names, [list(line) for line in zip(*cells, strict=True)]
    lines = "".join(
        f"<tr>{name}{''.join(line)}</tr>" for name, line in zip(names, cells, strict=True)
    )
    return (
        f'<table><caption style="{NAME}">{_safe(table.title)}</caption>'
        f"<thead><tr><th></th>{''.join(heads)}</tr></thead><tbody>{lines}</tbody></table>"
        f"<p>{_safe(table.brief)}</p>"
    )


def _cell(cell: Cell, head: TableColumn) -> str:
    words = _safe(text(cell, head))
    words = f"<strong>{words}</strong>" if cell.best else words
    return f'<td style="{NUMBER}" title="{_safe(cell.reason or "")}">{words}</td>'


def _title(head: TableColumn) -> str:
    return " ".join(filter(None, (head.heading, head.arrow)))


def _is_turned(table: Table) -> bool:
    return len(table.columns) > len(table.rows)


def _pairs(row: Row, table: Table) -> list[tuple[Cell, TableColumn]]:
    return list(zip(row.cells, table.columns, strict=True))


def _more(frame: pd.DataFrame, form: str = "<p><small>{}</small></p>") -> str:
    return form.format(f"A DataFrame, a row per number: {len(frame)} × {len(frame.columns)}.")


def _safe(words: str) -> str:
    """Text that is no markup either."""
    return html.escape(_plain(words))


def _plain(words: str) -> str:
    """Text that steers no terminal."""
    return "".join(c if c.isprintable() else "\ufffd" for c in words)
