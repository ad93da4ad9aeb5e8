"""Published numbers beside ours: in columns of their own, never in one column with ours.

A published protocol never says all that ours do, so the two never truly match. A column
holds the numbers of one table of one paper; its footnote quotes what the paper says of
them and names what it leaves open.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import TypeAlias

from genbench.published import Published, rows
from genbench.published.measures import MEASURES
from genbench.tables.footnotes import Footnote
from genbench.tables.table import (
    Cell,
    Row,
    Table,
    TableColumn,
    letters,
)

Group: TypeAlias = Sequence[Published]  # numbers that may stand in one column
RowKey: TypeAlias = int | str  # a row of the table, or a system that has none
ColumnCells: TypeAlias = tuple[
    int, TableColumn, Mapping[RowKey, Cell]
]  # with the column of ours it is at


def beside(table: Table, systems: Mapping[str, Sequence[str]]) -> Table:
    """The table with what papers have printed on the same data, by the same measures.

    A number stands in the row of its model; where several systems of a column are one model
    of ours, and where nobody measured it here, the system has a row of its own.

    Args:
        systems: id of a run -> names under which papers print its model.
    """
    known = {name for row in table.rows for name in systems.get(row.run, ())}
    groups = _groups(table, known)
    if not groups:
        return dataclasses.replace(table, notes=(*table.notes, _no_numbers(table, known)))
    marked = len({column.marker for column in table.columns if column.marker})
    heads = [_head(group, letters(marked + i)) for i, group in enumerate(groups)]
    placed = [_numbers_by_row(group, table, systems) for group in groups]
    ours: list[ColumnCells] = [
        (at, column, {i: row.cells[at] for i, row in enumerate(table.rows)})
        for at, column in enumerate(table.columns)
    ]
    theirs: list[ColumnCells] = [
        (_last(table, group), head, {place: _cell(number) for place, number in cells.items()})
        for group, head, cells in zip(groups, heads, placed, strict=True)
    ]
    columns = sorted([*ours, *theirs], key=lambda column: column[0])  # theirs follow ours
    reasons = [cell.reason for _, _, cells in theirs for cell in cells.values() if cell.reason]
    return dataclasses.replace(
        table,
        columns=tuple(head for _, head, _ in columns),
        rows=_rows(table, [cells for _, _, cells in columns]),
        footnotes=(
            *table.footnotes,
            *(_footnote(*each, groups) for each in zip(groups, heads, strict=True)),
        ),
        reasons=tuple(dict.fromkeys((*table.reasons, *reasons))),
        notes=(*table.notes, *_notes(groups, heads)),
    )


def _groups(table: Table, known: set[str]) -> list[Group]:
    """The columns: numbers of one table of a paper, those of them that hold one of our models."""
    found: dict[tuple[str, str], list[Published]] = {}
    for number in rows():
        measure = MEASURES.get(number.metric)
        if measure is None or number.split not in measure.splits or not _same(number, table):
            continue
        if any(measure.beside(column.score) for column in table.columns):
            found.setdefault((measure.title, number.source), []).append(number)
    groups = [part for group in found.values() for part in _parts(group)]
    kept = [group for group in groups if known & {number.system for number in group}]
    return sorted(kept, key=lambda group: _last(table, group))  # their markers from left to right


def _parts(group: Group) -> Iterator[Group]:
    """One column, or one for each protocol where a system has printed several numbers."""
    if len({number.system for number in group}) == len(group):
        yield group
        return
    for protocol in dict.fromkeys(number.protocol for number in group):
        yield [number for number in group if number.protocol == protocol]


def _same(number: Published, table: Table) -> bool:
    """Whether it was taken on the data set of that name, at that resolution."""
    return (number.dataset, number.resolution) == (_name(table), table.resolution)


def _name(table: Table) -> str:
    """As papers call the data set: "folder:CelebA-HQ" -> "celeba_hq"."""
    kind, _, argument = table.dataset.partition(":")
    name = argument if kind in ("folder", "zip") else kind
    return name.removesuffix(".zip").lower().replace("-", "_")


def _last(table: Table, group: Group) -> int:
    """The column of ours that a column of theirs follows."""
    measure = MEASURES[group[0].metric]
    return max(i for i, column in enumerate(table.columns) if measure.beside(column.score))


def _head(group: Group, marker: str) -> TableColumn:
    measure = MEASURES[group[0].metric]
    numbers = [x for number in group for x in (number.value, number.std) if x is not None]
    places = max((-int(Decimal(repr(x)).as_tuple().exponent) for x in numbers), default=0)
    return TableColumn(
        measure.score,
        f"published {measure.title}",
        "",
        measure.lower_is_better,
        max(places, 0),
        None,
        marker,
        source=group[0].source,
    )


def _numbers_by_row(
    group: Group, table: Table, systems: Mapping[str, Sequence[str]]
) -> dict[RowKey, Published]:
    """Where each number of a column stands: in rows of ours, or in a row of its system."""
    placed: dict[RowKey, Published] = {}
    for i, row in enumerate(table.rows):
        mine = [number for number in group if number.system in systems.get(row.run, ())]
        if len(mine) == 1:
            placed[i] = mine[0]
    taken = {number.system for number in placed.values()}
    return placed | {number.system: number for number in group if number.system not in taken}


def _cell(number: Published) -> Cell:
    if number.value is None:
        return Cell(reason=f"{number.source} prints no value for {number.system}")
    return Cell(number.value, number.std)


def _rows(table: Table, columns: Sequence[Mapping[RowKey, Cell]]) -> tuple[Row, ...]:
    """Ours as they were, and before the anchors those of systems that have no row."""

    def cells(place: RowKey) -> tuple[Cell, ...]:
        return tuple(column.get(place, Cell()) for column in columns)

    ours = [dataclasses.replace(row, cells=cells(i)) for i, row in enumerate(table.rows)]
    names = dict.fromkeys(place for column in columns for place in column if isinstance(place, str))
    theirs = [Row(f"{name}, as published", "", False, cells(name), True) for name in names]
    anchors = [row for row in ours if row.anchor]
    return (*(row for row in ours if not row.anchor), *theirs, *anchors)


def _footnote(group: Group, head: TableColumn, groups: Sequence[Group]) -> Footnote:
    """What the paper says of all the numbers, of some of them, and what it leaves open."""
    by_system = {number.system: number.protocol.split("; ") for number in group}
    common = [
        x for x in by_system[group[0].system] if all(x in other for other in by_system.values())
    ]
    extra = [
        f"of {system}: {', '.join(rest)}"
        for system, clauses in by_system.items()
        if (rest := [clause for clause in clauses if clause not in common])
    ]
    unknown = dict.fromkeys(words for number in group for words in number.unknown)
    clauses = (
        f"as published in {head.source}; its protocol, as far as that says: {'; '.join(common)}",
        *extra,
        f"unknown: {', '.join([*unknown, 'and what it does not say'])}",
    )
    fields = tuple((number.system, number.protocol) for number in group)
    apart = tuple(clause for clause in common if clause in _apart(group, groups))
    return Footnote(head.marker, (head.title,), "", clauses, apart, fields)


def _apart(group: Group, groups: Sequence[Group]) -> set[str]:
    """What keeps a column apart from others of the same measure in the same table."""
    first = group[0]
    same = [g for g in groups if (g[0].metric, g[0].source) == (first.metric, first.source)]
    mine, *others = (set(g[0].protocol.split("; ")) for g in [group, *same])
    return mine.difference(mine.intersection(*others))


def _notes(groups: Sequence[Group], heads: Sequence[TableColumn]) -> Iterator[str]:
    names = ", ".join(f"{head.title} ({head.marker})" for head in heads)
    yield (
        f"{names}: as papers have printed them, in columns of their own: no published protocol "
        "says all that ours do, so these numbers are never best and never subtracted from ours."
    )
    blind = [h for group, h in zip(groups, heads, strict=True) if any(n.only_orders for n in group)]
    if blind:
        names = ", ".join(f"{head.title} ({head.marker})" for head in blind)
        yield (
            f"{names}: the scale is unknown and cannot be recovered, so it only puts the rows of "
            "its own column in order; beside any other number it means nothing."
        )


def _no_numbers(table: Table, known: set[str]) -> str:
    """Why there is no published number, and where there would be some."""
    name = _name(table)
    where = sorted({n.resolution for n in rows() if n.dataset == name and n.system in known})
    there = ", ".join(f"{side}×{side}" for side in where)
    return (
        f"Published: no paper of genbench's has a number of these models on {table.dataset} at "
        f"{table.resolution}×{table.resolution} by one of these measures"
        + (f"; on {name} there are some at {there}." if where else ".")
    )
