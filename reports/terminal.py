"""The report as text for a terminal: styled on a terminal, bare where it is piped."""

from __future__ import annotations

import io
import shutil
import sys
from collections.abc import Iterator

from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from genbench.interfaces import Report
from genbench.tables.table import NOT_MEASURED, Document, Figure, Table, figure_file

from ._terminal_grid import grids
from ._words import plain

PIPED = (100, 24)  # columns and lines of text where there is no terminal to ask


def render(report: Document) -> str:
    """The whole text, as wide as the terminal, or as COLUMNS says.

    Numbers are never cut: a table that is too wide is turned, or goes on below. Of the notes
    those stand under a table that are read with its numbers; the rest where the report unfolds.
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


def _parts(report: Document, width: int) -> Iterator[Text | Padding]:
    if report.title:
        yield Text(plain(report.title), "bold")
    for words in report.lead:
        yield Text(f"\n{plain(words)}")
    for table in report.tables:
        yield Text(f"\n{plain(table.title)}", "bold")
        yield from grids(table, width, marked=report.unfolded)
        yield from _notes(table) if report.unfolded else _brief(table)
    for name, items in (
        ("Figures", [_figure(each, report.unfolded) for each in report.figures]),
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


def _brief(table: Table) -> Iterator[Padding]:
    """What is read with the numbers: units, bold, empty cells, sources, what differs."""
    yield from _legend(table)
    if table.brief:
        yield _indented("", table.brief)
    yield from _reasons(table)
    for column in table.columns:
        if column.source:
            yield _indented(f"[{column.marker}]", f"as published in {column.source}")
    for note in table.footnotes:
        yield from (_indented("", f"[{note.marker}] differs: {line}") for line in note.differs)
    if table.notes or table.remarks or table.footnotes:
        yield _indented("", "All notes, and the protocol of each number: genbench table --notes")


def _notes(table: Table) -> Iterator[Padding]:
    """All of them."""
    yield from _legend(table)
    yield from _reasons(table)
    yield from (_indented("", note) for note in (*table.notes, *table.remarks))
    for note in table.footnotes:
        titles = ", ".join(note.titles)
        yield _indented(f"[{note.marker}]", f"{titles}: {note.brief}")
        yield from (_indented("", f"[{note.marker}] differs: {line}") for line in note.differs)
    if table.footnotes:
        yield _indented("", "The whole recipe behind a number: genbench table protocol ID")


def _legend(table: Table) -> Iterator[Padding]:
    """What the arrows are, and the units, which the heads have no room for."""
    units: dict[str, list[str]] = {}
    for column in table.columns:
        if column.unit:
            units.setdefault(column.unit, []).append(column.title)
    words = ["↓ lower is better, ↑ higher"] if any(c.arrow for c in table.columns) else []
    words += [
        f"{', '.join(titles)} {unit if unit.startswith('×') else f'in {unit}'}"
        for unit, titles in units.items()
    ]
    if words:
        yield _indented("", f"{'; '.join(words)}.")


def _figure(figure: Figure, unfolded: bool) -> str:
    caption = f": {figure.caption}" if unfolded else ""
    return f"{figure.title}{caption} ({figure_file(figure)})"


def _reasons(table: Table) -> Iterator[Padding]:
    for i, reason in enumerate(table.reasons, start=1):
        yield _indented(f"({i})", f"{NOT_MEASURED}: {reason}")


def _indented(mark: str, words: str) -> Padding:
    """A note that hangs under its mark."""
    return Padding(Text(f"{mark} {plain(words)}".strip()), (0, 0, 0, 2))


REPORT = Report(".txt", render)
