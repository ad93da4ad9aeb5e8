"""The report as GitHub's Markdown: tables, footnotes, and pictures beside the file.

A text cannot carry pictures: whoever writes it also writes each one to the path that
`genbench.tables.table.figure_file` gives, relative to the text.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from genbench.interfaces import Report
from genbench.tables.footnotes import Footnote
from genbench.tables.table import (
    Cell,
    Document,
    Figure,
    Table,
    TableColumn,
    figure_file,
    text,
)

from ._words import plain

# A point, a hyphen or a bracket is special at the start of a line only; see `paragraph`.
SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|~&$!])")


def render(report: Document) -> str:
    """The whole text, one blank line between its blocks."""
    blocks = [
        f"# {escape(report.title)}",
        *map(paragraph, report.lead),
        *(block for figure in report.figures if figure.first for block in _figure(figure)),
        *(block for table in report.tables for block in _table(table)),
    ]
    if rest := [figure for figure in report.figures if not figure.first]:
        blocks += ["## Figures", *(block for figure in rest for block in _figure(figure))]
    if report.facts:
        facts = (f"**{escape(name)}**: {escape(value)}" for name, value in report.facts)
        blocks += ["## How this was made", _list(facts)]
    if report.next_steps:
        blocks += ["## Next", _code(report.next_steps)]
    return "\n\n".join(blocks) + "\n"


def escape(words: str) -> str:
    """Words that stay the words they are: no markup, no HTML, no link, on one line."""
    marked = SPECIAL.sub(r"\\\1", plain(words))
    return marked.replace("://", r":\/\/").replace("www.", r"www\.")


def paragraph(words: str) -> str:
    """Escaped words that do not begin a list, a rule or a heading either."""
    return re.sub(r"^(\d*)([-+=.)])", r"\1\\\2", escape(words))


def _table(table: Table) -> Iterator[str]:
    yield f"## {escape(table.title)}"
    yield _grid(table)
    if table.brief:
        yield paragraph(table.brief)
    reasons = [f"({i}) {escape(reason)}" for i, reason in enumerate(table.reasons, start=1)]
    lines = [*reasons, *map(paragraph, (*table.notes, *table.remarks))]
    if lines or table.footnotes:
        yield "<details><summary>Notes and protocols</summary>"
        yield _list([*lines, *map(_footnote, table.footnotes)])
        yield "</details>"


def _grid(table: Table) -> str:
    heads = ["model", *map(_head, table.columns)]
    lines = [heads, ["---", *["---:"] * len(table.columns)]]
    for row in table.rows:
        label = escape(row.label)
        cells = [_cell(table, *pair) for pair in zip(row.cells, table.columns, strict=True)]
        line = [label, *cells]
        lines.append([f"*{item}*" for item in line] if row.anchor else line)
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _head(column: TableColumn) -> str:
    marker = f"<sup>{column.marker}</sup>" if column.marker else ""
    return " ".join(filter(None, (escape(column.heading), column.arrow, marker)))


def _cell(table: Table, cell: Cell, column: TableColumn) -> str:
    words = text(cell, column)
    if cell.reason:
        words += f" ({table.mark(cell)})"
    return f"**{words}**" if cell.best else words


def _footnote(note: Footnote) -> str:
    titles = escape(", ".join(note.titles))
    differs = f" **Differs:** {escape('; '.join(note.differs))}." if note.differs else ""
    return f"<sup>{note.marker}</sup> {titles}: {escape(note.text)}.{differs}"


def _figure(figure: Figure) -> Iterator[str]:
    yield f"### {escape(figure.title)}"
    yield f"![{escape(figure.alt)}]({figure_file(figure)})"
    yield paragraph(figure.caption)


def _list(items: Iterable[str]) -> str:
    return "\n".join(f"- {item}" for item in items)


def _code(commands: Iterable[str]) -> str:
    """Commands in a fence longer than any run of backticks among them."""
    lines = [plain(line) for command in commands for line in command.splitlines()]
    longest = max((len(run) for line in lines for run in re.findall("`+", line)), default=0)
    fence = "`" * max(3, longest + 1)
    return "\n".join([f"{fence}sh", *lines, fence])


REPORT = Report(".md", render)
