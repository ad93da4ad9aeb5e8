"""From records to tables: columns of one protocol, rows, footnotes, and who is best."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Callable, Mapping, Sequence

from genbench.interfaces import Column
from genbench.results.record import Key, Record
from genbench.tables import digits, fame, notes
from genbench.tables.compare import Scale, Verdicts, judge
from genbench.tables.footnotes import SHORT
from genbench.tables.labels import labels
from genbench.tables.select import (
    Selection,
    Slot,
    best,
    by_table,
    choose,
    spread,
    why,
)
from genbench.tables.table import Cell, Row, Table, TableColumn, letters


def build(records: Sequence[Record], columns: Callable[[str, str], Column]) -> list[Table]:
    """One table per data set, resolution and fingerprint, its columns in the order of `fame`.

    Of two records of one thing and one protocol the newest stands. A record without a value
    has no protocol: it fills the columns of its score in which its row has no value. Best is
    the best contender of a column, and every contender that does not differ from it: by a
    paired test where values of the same images are there, corrected over the table, elsewhere
    by the two error bars; nobody is best alone.

    Args:
        records: of any number of evaluations.
        columns: (metric, score) -> how the score is printed.

    Raises:
        BadInput: a record has a value but no protocol.
    """
    found = by_table(records)
    titles = Counter(place[:2] for place in found)
    tables = []
    for (dataset, resolution, fingerprint), rows in found.items():
        title = f"{dataset}, {resolution}×{resolution}"
        if titles[dataset, resolution] > 1:
            title += f", data {fingerprint[:SHORT] or 'unknown'}"
        empty = Table(title, dataset, resolution, fingerprint, (), ())
        tables.append(_fill(empty, rows, columns))
    return tables


def _fill(table: Table, records: Sequence[Record], columns: Callable[[str, str], Column]) -> Table:
    chosen = choose(records)
    every, repeats = _columns(records, chosen, columns)
    # A column without a number says no more than its reason, so it gives way to a note.
    heads = tuple(head for head in every if head.protocol_id) or every
    absent = [head for head in every if head not in heads]
    names = labels(records)
    keys = list(names)
    contenders = [key for key in keys if key not in chosen.anchors]
    verdicts = judge(chosen, [(_scale(head), head.protocol_id) for head in heads], contenders)
    rows = _rows(names, heads, chosen, verdicts)
    heads = tuple(_with_digits(head, rows, index) for index, head in enumerate(heads))
    return dataclasses.replace(
        table,
        columns=heads,
        rows=rows,
        footnotes=notes.footnotes(heads, rows, chosen),
        reasons=tuple(dict.fromkeys(c.reason for row in rows for c in row.cells if c.reason)),
        brief=notes.brief(rows, absent),
        notes=(
            *notes.absences(absent, repeats, chosen),
            *notes.notes(heads, rows, chosen, verdicts),
        ),
        remarks=tuple(notes.remarks(heads, chosen, names)),
    )


def _columns(
    records: Sequence[Record], chosen: Selection, columns: Callable[[str, str], Column]
) -> tuple[tuple[TableColumn, ...], dict[str, str]]:
    """What people look for first; the protocols of a score side by side.

    With the titles of those that are left out, because some images have them and on these they
    repeat another score: a pyramid of one level. title -> title of what it repeats.
    """
    known = {record.score: record.metric for record in reversed(records)}
    scores = dict.fromkeys(record.score for record in records)
    metrics = {s: known[s] for s in sorted(scores, key=lambda score: fame.rank(known[score]))}
    measured = {score for _, score, _ in chosen.values}
    first = fame.headlines({s: metric for s, metric in metrics.items() if s in measured})
    metrics = {score: known[score] for score in dict.fromkeys((*first, *metrics))}
    markers: dict[str, str] = {}
    heads: list[TableColumn] = []
    repeats: dict[str, str] = {}
    for score in metrics:
        used = {protocol for _, of, protocol in chosen.values if of == score}
        of = {r.protocol_id: r.metric for r in reversed(records) if r.score == score}
        names: list[str | None] = [name for name in chosen.protocols if name in used]
        for name in names or [None]:
            how = columns(of.get(name, metrics[score]), score)
            if how.optional and (same := _same(score, name, heads, chosen)):
                repeats[how.title] = same
                continue
            marker = markers.setdefault(name, letters(len(markers))) if name else ""
            heads.append(_column(how, score, name, marker, score in first))
    return tuple(heads), repeats


def _same(
    score: str, protocol_id: str | None, heads: Sequence[TableColumn], chosen: Selection
) -> str | None:
    """Title of the first column of that protocol which has the very same numbers."""

    def numbers(score: str) -> dict[Key, tuple[float | None, float | None]]:
        return {
            key: (record.value, record.spread)
            for (key, of, name), record in chosen.values.items()
            if (of, name) == (score, protocol_id)
        }

    mine = numbers(score)
    others = (head for head in heads if protocol_id and head.protocol_id == protocol_id)
    return next((head.title for head in others if numbers(head.score) == mine), None)


def _column(
    how: Column, score: str, protocol_id: str | None, marker: str, headline: bool
) -> TableColumn:
    return TableColumn(
        score,
        how.title,
        how.unit,
        how.lower_is_better,
        how.digits,
        protocol_id,
        marker,
        how.median,
        about=how.about,
        headline=headline,
    )


def _with_digits(head: TableColumn, rows: Sequence[Row], index: int) -> TableColumn:
    """The column with the decimals that its contenders, or else its yardsticks, call for."""
    numbers = {
        anchor: [
            (row.cells[index].value or 0.0, row.cells[index].spread)
            for row in rows
            if row.anchor is anchor and row.cells[index].value is not None
        ]
        for anchor in (False, True)
    }
    places = digits.shared(numbers[False] or numbers[True], head.digits)
    return dataclasses.replace(head, digits=places)


def _scale(head: TableColumn) -> Scale:
    return Scale(head.score, head.lower_is_better, head.median)


def _rows(
    names: Mapping[Key, str],
    heads: Sequence[TableColumn],
    chosen: Selection,
    verdicts: Verdicts,
) -> tuple[Row, ...]:
    """The contenders, then the anchors."""
    keys = list(names)
    columns = [
        _cells(keys, head, chosen, verdicts.differ if index in verdicts.settled else None)
        for index, head in enumerate(heads)
    ]
    rows = []
    for key in sorted(keys, key=chosen.anchors.__contains__):
        cells = tuple(column[key] for column in columns)
        rows.append(Row(names[key], key.run, key in chosen.anchors, cells))
    return tuple(rows)


def _cells(
    keys: Sequence[Key],
    head: TableColumn,
    chosen: Selection,
    differ: Callable[[Slot, Slot], bool] | None,
) -> Mapping[Key, Cell]:
    """One column, by row."""
    slots = {key: (key, head.score, head.protocol_id) for key in keys}
    values = {slot: chosen.values[slot] for slot in slots.values() if slot in chosen.values}
    contenders = {slot: record for slot, record in values.items() if not record.anchor}
    crowned = best(contenders, head.lower_is_better, differ)
    cells = {}
    for key, slot in slots.items():
        if (found := values.get(slot)) is not None:
            cells[key] = Cell(
                found.value,
                spread(found),
                found.spread_over,
                found.n,
                best=slot in crowned,
                low=found.low,
                high=found.high,
            )
        elif (absent := chosen.absent.get((key, head.score))) is not None:
            cells[key] = Cell(reason=why(absent))
        else:
            cells[key] = Cell()
    return cells
