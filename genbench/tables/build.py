"""From records to tables: columns of one protocol, rows, footnotes, and who is best."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Callable, Mapping, Sequence

from genbench.interfaces import Column
from genbench.results.record import Record
from genbench.statistics.significance import LEVEL
from genbench.tables.compare import Scale, Verdicts, judge
from genbench.tables.digits import number
from genbench.tables.footnotes import (
    SHORT,
    Footnote,
    differs,
    fields,
    shared,
    words,
)
from genbench.tables.select import (
    Key,
    Selection,
    Slot,
    best,
    by_table,
    choose,
    spread,
    why,
)
from genbench.tables.table import NO_RECORD, Cell, Row, Table, TableColumn, letters


def build(records: Sequence[Record], columns: Callable[[str, str], Column]) -> list[Table]:
    """One table per data set, resolution and fingerprint; all in the order of the records.

    Of two records of one run and one protocol the newest stands. A record without a value
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
    every = _columns(records, chosen, columns)
    # A column without a number says no more than its reason, so it gives way to a note.
    heads = tuple(head for head in every if head.protocol_id) or every
    nowhere = _nowhere([head for head in every if head not in heads], chosen)
    keys = list(dict.fromkeys((r.model, r.run) for r in records))
    contenders = [key for key in keys if key not in chosen.anchors]
    verdicts = judge(chosen, [(_scale(head), head.protocol_id) for head in heads], contenders)
    rows = _rows(keys, heads, chosen, verdicts)
    return dataclasses.replace(
        table,
        columns=heads,
        rows=rows,
        footnotes=_footnotes(heads, rows, chosen),
        reasons=tuple(dict.fromkeys(c.reason for row in rows for c in row.cells if c.reason)),
        notes=(*nowhere, *_notes(heads, rows, verdicts), *_common(chosen)),
        remarks=tuple(_remarks(heads, chosen)),
    )


def _columns(
    records: Sequence[Record], chosen: Selection, columns: Callable[[str, str], Column]
) -> tuple[TableColumn, ...]:
    """Scores in the order of the records; the protocols of a score side by side."""
    markers: dict[str, str] = {}
    heads = []
    for score in dict.fromkeys(record.score for record in records):
        metrics = {r.protocol_id: r.metric for r in reversed(records) if r.score == score}
        used = {protocol for _, of, protocol in chosen.values if of == score}
        for name in [name for name in chosen.protocols if name in used]:
            marker = markers.setdefault(name, letters(len(markers)))
            heads.append(_column(columns(metrics[name], score), score, name, marker))
        if not used:
            metric = next(iter(metrics.values()))
            heads.append(_column(columns(metric, score), score, None, ""))
    return tuple(heads)


def _column(how: Column, score: str, protocol_id: str | None, marker: str) -> TableColumn:
    return TableColumn(
        score,
        how.title,
        how.unit,
        how.lower_is_better,
        how.digits,
        protocol_id,
        marker,
        how.median,
    )


def _scale(head: TableColumn) -> Scale:
    return Scale(head.score, head.lower_is_better, head.median)


def _rows(
    keys: Sequence[Key], heads: Sequence[TableColumn], chosen: Selection, verdicts: Verdicts
) -> tuple[Row, ...]:
    """The contenders, then the anchors."""
    models = Counter(model for model, _ in keys)
    columns = [
        _cells(keys, head, chosen, verdicts.differ if index in verdicts.settled else None)
        for index, head in enumerate(heads)
    ]
    rows = []
    for key in sorted(keys, key=chosen.anchors.__contains__):
        label = f"{key[0]} ({key[1]})" if models[key[0]] > 1 else key[0]
        cells = tuple(column[key] for column in columns)
        rows.append(Row(label, key[1], key in chosen.anchors, cells))
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


def _footnotes(
    heads: Sequence[TableColumn], rows: Sequence[Row], chosen: Selection
) -> tuple[Footnote, ...]:
    """One per protocol, in the order of the columns."""
    common = shared(chosen.protocols.values())
    first = {head.score: head for head in reversed(heads)}  # the leftmost column of each score
    notes = []
    for name, marker in {h.protocol_id: h.marker for h in heads if h.protocol_id}.items():
        protocol = chosen.protocols[name]
        mine = [index for index, head in enumerate(heads) if head.protocol_id == name]
        over = dict.fromkeys(row.cells[index].spread_over for row in rows for index in mine)
        # Scores of one metric share protocols, and a difference is said once.
        beside = {first[heads[i].score].protocol_id: first[heads[i].score] for i in mine}.values()
        apart = [
            differs(protocol, chosen.protocols[other.protocol_id], other.marker)
            for other in beside
            if other.protocol_id and other.protocol_id != name
        ]
        clauses = [clause for clause in words(protocol) if clause not in common]
        bars = tuple(f"± is {what}" for what in over if what)
        clauses += bars
        clauses += filter(None, (_intervals(heads[index], rows, index) for index in mine))
        titles = tuple(heads[index].title for index in mine)
        differences = sum(apart, ())
        notes.append(
            Footnote(marker, titles, name, tuple(clauses), differences, fields(protocol), bars)
        )
    return tuple(notes)


def _intervals(head: TableColumn, rows: Sequence[Row], index: int) -> str:
    """95 % intervals of one column, in words; empty where there are none."""
    found = []
    for row in rows:
        cell = row.cells[index]
        if cell.low is not None and cell.high is not None and cell.spread is not None:
            low, high = (number(end, cell.spread, head.digits) for end in (cell.low, cell.high))
            found.append(f"{row.label} {low.value}{low.exponent} to {high.value}{high.exponent}")
    return f"95 % intervals of {head.title} by bootstrap: {', '.join(found)}" if found else ""


def _nowhere(heads: Sequence[TableColumn], chosen: Selection) -> list[str]:
    """Scores that no model has, once for each reason."""
    titles: dict[str, dict[str, None]] = {}
    for head in heads:
        for (_, score), record in chosen.absent.items():
            if score == head.score:
                titles.setdefault(why(record), {})[head.title] = None
    return [f"Not measured: {', '.join(names)}: {reason}." for reason, names in titles.items()]


def _remarks(heads: Sequence[TableColumn], chosen: Selection) -> list[str]:
    """What metrics had to say about their numbers, once for all numbers that share it."""
    shared_by: dict[str, tuple[dict[str, None], dict[str, None]]] = {}  # titles, models
    for head in heads:
        for (key, score, protocol_id), record in chosen.values.items():
            if (score, protocol_id) == (head.score, head.protocol_id) and record.note:
                titles, models = shared_by.setdefault(record.note, ({}, {}))
                titles[head.title] = models[key[0]] = None
    return [
        f"{', '.join(titles)} of {', '.join(models)}: {note}."
        for note, (titles, models) in shared_by.items()
    ]


def _best(heads: Sequence[TableColumn], rows: Sequence[Row], verdicts: Verdicts) -> list[str]:
    """The rule by which cells are best, column by column where there are two rules."""
    crowned = [i for i in range(len(heads)) if any(row.cells[i].best for row in rows)]
    tested = [heads[i].title for i in crowned if i in verdicts.settled]
    titles = [head.title for head in heads]
    barred = [
        f"{titles[i]} ({heads[i].marker})" if titles.count(titles[i]) > 1 else titles[i]
        for i in crowned
        if i not in verdicts.settled
    ]
    if not crowned:
        return []
    by_test = (
        f"that a paired test does not tell from it (Holm-adjusted p of {LEVEL:g} or more, over "
        f"{verdicts.count} tests of this table; see genbench table compare)"
    )
    by_bars = "whose distance to it is no more than the two error bars together"
    if tested and barred:
        by_test += f"; in {', '.join(dict.fromkeys(barred))}, every number {by_bars}"
    return [
        "Best, in bold or with *: the best number of a column, and every number "
        f"{by_test if tested else by_bars}."
    ]


def _notes(heads: Sequence[TableColumn], rows: Sequence[Row], verdicts: Verdicts) -> list[str]:
    cells = [cell for row in rows for cell in row.cells]
    notes = _best(heads, rows, verdicts)
    if any(row.anchor for row in rows):
        notes.append("The last rows are yardsticks, not contenders.")
    if any(cell.value is None and cell.reason is None for cell in cells):
        notes.append(f"{NO_RECORD}: no record under this protocol.")
    for index, head in enumerate(heads):
        counts = {row.label: row.cells[index].n for row in rows if row.cells[index].n is not None}
        if len(set(counts.values())) > 1:
            each = ", ".join(f"{label} {n}" for label, n in counts.items())
            notes.append(f"{head.title} ({head.marker}) is taken over different numbers: {each}.")
    return notes


def _common(chosen: Selection) -> list[str]:
    """What all protocols of the table share, said once."""
    clauses = shared(chosen.protocols.values())
    return [f"All protocols here: {'; '.join(clauses)}."] if clauses else []
