"""Under a table: one line to read with the numbers, and then all of the fine print."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from genbench.results.record import Key
from genbench.statistics.significance import LEVEL
from genbench.tables.compare import Verdicts
from genbench.tables.digits import number
from genbench.tables.footnotes import Footnote, differs, fields, shared, words
from genbench.tables.select import Selection, why
from genbench.tables.table import NO_RECORD, Row, TableColumn

BARS = 2  # kinds of error bar that the one line names; more are told one by one in the notes


def brief(rows: Sequence[Row], absent: Sequence[TableColumn]) -> str:
    """The one line: what bold is, what ± is, and what is not there."""
    cells = [cell for row in rows for cell in row.cells]
    parts = []
    if any(cell.best for cell in cells):
        parts.append("Bold or *: the best, and all that cannot be told from it.")
    bars = list(dict.fromkeys(cell.spread_over for cell in cells if cell.spread))
    named = [bar for bar in bars if bar]
    if named and len(bars) <= BARS:
        parts.append(f"± is {' or '.join(named)}.")
    if absent:
        parts.append(f"Not measured: {', '.join(dict.fromkeys(head.title for head in absent))}.")
    return " ".join(parts)


def notes(
    heads: Sequence[TableColumn], rows: Sequence[Row], chosen: Selection, verdicts: Verdicts
) -> list[str]:
    """On the table as a whole."""
    cells = [cell for row in rows for cell in row.cells]
    found = _best(heads, rows, verdicts)
    if any(row.anchor for row in rows):
        found.append("The last rows are yardsticks, not contenders.")
    if any(cell.value is None and cell.reason is None for cell in cells):
        found.append(f"{NO_RECORD}: no record under this protocol.")
    for index, head in enumerate(heads):
        counts = {row.label: row.cells[index].n for row in rows if row.cells[index].n is not None}
        if len(set(counts.values())) > 1:
            each = ", ".join(f"{label} {n}" for label, n in counts.items())
            found.append(f"{head.title} ({head.marker}) is taken over different numbers: {each}.")
    if any(cell.spread is not None for cell in cells):
        found.append(
            "Numbers end where their error bars and their columns allow; a bar below that place "
            "is not printed. CSV and JSON have every digit."
        )
    if clauses := shared(chosen.protocols.values()):
        found.append(f"All protocols here: {'; '.join(clauses)}.")
    return found


def absences(
    absent: Sequence[TableColumn], repeats: Mapping[str, str], chosen: Selection
) -> list[str]:
    """Scores that have no column: in one line those that no model has, in another repetitions.

    Args:
        absent: what nobody has.
        repeats: title of a score -> title of the one that it repeats.
    """
    found = []
    titles: dict[str, dict[str, None]] = {}
    for head in absent:
        records = {key: r for (key, score), r in chosen.absent.items() if score == head.score}
        # Yardsticks have reasons of their own, which matter where there is nothing else.
        models = [record for key, record in records.items() if key not in chosen.anchors]
        reasons = dict.fromkeys(map(why, models or records.values()))
        titles.setdefault(" and ".join(reasons), {})[head.title] = None
    if titles:
        each = "; ".join(f"{', '.join(names)}: {reason}" for reason, names in titles.items())
        found.append(f"Not measured: {each}.")
    if repeats:
        each = ", ".join(f"{one} is {other}" for one, other in repeats.items())
        found.append(f"Left out, because the numbers are the same: {each}.")
    return found


def remarks(heads: Sequence[TableColumn], chosen: Selection, names: Mapping[Key, str]) -> list[str]:
    """What metrics had to say about their numbers, once for all numbers that share it."""
    shared_by: dict[str, tuple[dict[str, None], dict[str, None]]] = {}  # titles, models
    for head in heads:
        for (key, score, protocol_id), record in chosen.values.items():
            if (score, protocol_id) == (head.score, head.protocol_id) and record.note:
                titles, models = shared_by.setdefault(record.note, ({}, {}))
                titles[head.title] = models[names[key]] = None
    return [
        f"{', '.join(titles)} of {', '.join(models)}: {note}."
        for note, (titles, models) in shared_by.items()
    ]


def footnotes(
    heads: Sequence[TableColumn], rows: Sequence[Row], chosen: Selection
) -> tuple[Footnote, ...]:
    """One per protocol, in the order of the columns."""
    common = shared(chosen.protocols.values())
    first = {head.score: head for head in reversed(heads)}  # the leftmost column of each score
    found = []
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
        found.append(
            Footnote(marker, titles, name, tuple(clauses), differences, fields(protocol), bars)
        )
    return tuple(found)


def _intervals(head: TableColumn, rows: Sequence[Row], index: int) -> str:
    """95 % intervals of one column, in words; empty where there are none."""
    found = []
    for row in rows:
        cell = row.cells[index]
        if cell.low is not None and cell.high is not None and cell.spread is not None:
            low, high = (number(end, cell.spread, head.digits) for end in (cell.low, cell.high))
            found.append(f"{row.label} {low.value}{low.exponent} to {high.value}{high.exponent}")
    return f"95 % intervals of {head.title} by bootstrap: {', '.join(found)}" if found else ""


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
