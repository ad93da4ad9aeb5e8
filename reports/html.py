"""The report as one HTML file that opens anywhere, offline.

Pictures are data inside the file. A content security policy forbids every request, and
every script and style but the two that stand in the file: a hostile name could not run
anything even if it were not escaped.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from genbench.interfaces import Report
from genbench.tables.table import (
    NO_RECORD,
    NOT_MEASURED,
    Cell,
    Document,
    Figure,
    Row,
    Table,
    TableColumn,
    bodies,
    printed,
)

from ._words import plain

HERE = Path(__file__).parent
WIDTH = 64.0  # of a drawn error bar, in CSS pixels


@dataclass(frozen=True)
class Bar:
    """Value and error bar as drawn, in CSS pixels from the left."""

    low: str
    value: str
    high: str


@dataclass(frozen=True)
class Shown:
    """A cell as the page shows it."""

    words: str  # the number without its error bar, or that there is none
    spread: str = ""
    exponent: str = ""
    sort: str = ""  # what the column is sorted by; empty goes last
    full: str = ""  # all digits, or the reason
    kind: str = ""  # classes of the style
    mark: str = ""  # of the reason
    best: bool = False
    bar: Bar | None = None


def render(report: Document) -> str:
    """The whole page."""
    style = (HERE / "html.style.jinja").read_text(encoding="utf-8")
    script = (HERE / "html.script.jinja").read_text(encoding="utf-8")
    page = Environment(
        loader=FileSystemLoader(HERE),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_finalize,
        trim_blocks=True,
        lstrip_blocks=True,
    ).get_template("html.jinja")
    return page.render(
        report=report,
        tables=[_bodies(table) for table in report.tables],
        first=[figure for figure in report.figures if figure.first],
        rest=[figure for figure in report.figures if not figure.first],
        picture=_picture,
        columns=_columns,
        style=Markup(style),
        script=Markup(script),
        policy=(
            f"default-src 'none'; img-src data:; style-src '{_digest(style)}'; "
            f"script-src '{_digest(script)}'; base-uri 'none'; form-action 'none'"
        ),
    )


def _finalize(value: Any) -> Any:
    """What every inserted value passes before it is escaped."""
    return value if isinstance(value, Markup) else plain(value)


def _digest(text: str) -> str:
    """As a content security policy names a script or a style."""
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


def _picture(figure: Figure) -> str:
    return f"data:image/png;base64,{base64.b64encode(figure.png).decode()}"


def _columns(table: Table) -> list[tuple[str, str]]:
    """What columns say, once for all that say the same: (headings, sentence)."""
    found: dict[str, list[str]] = {}
    for column in table.columns:
        if column.about:
            found.setdefault(column.about, []).append(column.heading)
    return [(", ".join(dict.fromkeys(headings)), about) for about, headings in found.items()]


def _bodies(table: Table) -> tuple[Table, list[list[tuple[Row, list[Shown]]]]]:
    """The table, and its rows in bodies: contenders, those of papers, anchors."""
    contenders = [row for row in table.rows if not row.anchor]
    scales = [
        None if column.source else _scale([row.cells[i] for row in contenders])
        for i, column in enumerate(table.columns)
    ]
    return table, [[(row, _shown(table, row, scales)) for row in rows] for rows in bodies(table)]


def _scale(cells: Sequence[Cell]) -> tuple[float, float] | None:
    """Where the error bars of a column begin and end; None where there is nothing to compare."""
    ends = [
        cell.value + side * (cell.spread or 0.0)
        for cell in cells
        if cell.value is not None
        for side in (-1, 1)
    ]
    return (min(ends), max(ends)) if len(ends) > 2 and min(ends) < max(ends) else None


def _shown(table: Table, row: Row, scales: Sequence[tuple[float, float] | None]) -> list[Shown]:
    cells = []
    for cell, column, scale in zip(row.cells, table.columns, scales, strict=True):
        kind = _kind(cell, column)
        if cell.value is None:
            words = NOT_MEASURED if cell.reason else NO_RECORD
            cells.append(Shown(words, full=cell.reason or "", kind=kind, mark=table.mark(cell)))
            continue
        words, spread, exponent = printed(cell.value, cell.spread, column)
        # An untrained model would press all others into one point, so anchors have no bar.
        bar = None if row.anchor or scale is None else _bar(cell.value, cell.spread or 0.0, scale)
        cells.append(
            Shown(
                words,
                spread,
                exponent,
                sort=repr(cell.value),
                full=_full(cell),
                kind=kind,
                best=cell.best,
                bar=bar,
            )
        )
    return cells


def _kind(cell: Cell, column: TableColumn) -> str:
    kinds = {"best": cell.best, "theirs": column.source, "extra": not column.headline}
    return " ".join(kind for kind, on in kinds.items() if on)


def _full(cell: Cell) -> str:
    """Every digit, and what the error bar is."""
    bar = "" if cell.spread is None else f" ± {cell.spread!r}"
    over = f" ({cell.spread_over})" if cell.spread is not None and cell.spread_over else ""
    return f"{cell.value!r}{bar}{over}"


def _bar(value: float, spread: float, scale: tuple[float, float]) -> Bar:
    low, high = scale
    at = [WIDTH * (x - low) / (high - low) for x in (value - spread, value, value + spread)]
    return Bar(*(f"{x + 4:.1f}" for x in at))  # 4: half a dot, so that none is cut off


REPORT = Report(".html", render)
