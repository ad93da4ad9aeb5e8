"""Which numbers of a results table may stand on one axis: those of one protocol."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from genbench import registry
from genbench.errors import BadInput, BadSetting, UnknownName, nearest
from genbench.interfaces import Column
from genbench.results.record import Record
from genbench.tables.build import build
from genbench.tables.footnotes import Footnote
from genbench.tables.table import Table, TableColumn

Titles = Callable[[str, str], Column]  # (metric, score) -> how the score is printed


def one_table(
    records: Sequence[Record],
    titles: Titles,
    data: str | None = None,
    resolution: int | None = None,
) -> Table:
    """The table of one data set at one resolution.

    Raises:
        BadSetting: there is none, or several.
    """
    known = build(records, titles)
    found = [
        table
        for table in known
        if data in (None, table.dataset) and resolution in (None, table.resolution)
    ]
    if len(found) == 1:
        return found[0]
    there = ", ".join(_name(table) for table in known) or "nothing"
    if not found:
        raise BadSetting(f"the table has no numbers on {data or 'such data'}; it has {there}")
    raise BadSetting(
        f"a chart shows numbers on one data set, the table has {there}; "
        "choose with --data and --resolution"
    )


def column_of(table: Table, wanted: str, option: str) -> int:
    """The column of a score, or of a metric's main one: "fid", "fid:768".

    "fid@3fa9" means the protocol whose id begins so.

    Raises:
        UnknownName: no such score in this table.
        BadInput: the score was measured under several protocols; the message has what differs.
        BadSetting: no such protocol, or neither way is better.
    """
    score, _, protocol = wanted.partition("@")
    if ":" in score:  # "fid:768", as metrics are asked for
        score = next(iter(registry.metric(score).columns))
    measured = [(i, c) for i, c in enumerate(table.columns) if c.protocol_id is not None]
    mine = [(i, c) for i, c in measured if c.score == score]
    if not mine:
        known = list(dict.fromkeys(c.score for _, c in measured))
        raise UnknownName(
            f"{_name(table)} has no numbers of {score!r}.{nearest(score, known)} "
            f"Known: {', '.join(known)}"
        )
    found = [(i, c) for i, c in mine if str(c.protocol_id).startswith(protocol)]
    if len(found) == 1:
        return found[0][0]
    choice = " or ".join(f"{option} {score}@{str(c.protocol_id)[:6]}" for _, c in found or mine)
    if not found:
        raise BadSetting(f"no protocol of {score} begins with {protocol!r}; take {choice}")
    raise BadInput(
        f"{score} was measured under {len(found)} protocols, whose numbers cannot share an axis: "
        f"{'; '.join(_apart(table, [c for _, c in found]))}; choose one: {choice}"
    )


def directed(table: Table, index: int) -> bool:
    """Whether lower is better in a column.

    Raises:
        BadSetting: neither way is.
    """
    column = table.columns[index]
    if column.lower_is_better is None:
        raise BadSetting(f"neither way is better for {column.score}, so no model wins by it")
    return column.lower_is_better


def axis_label(column: TableColumn) -> str:
    """Title, unit, and which way is better."""
    return f"{column.heading} {column.arrow}".strip()


def protocol_words(table: Table, indices: Sequence[int]) -> str:
    """The recipes of columns, shortly, for a caption; each once."""
    titles: dict[str, list[str]] = {}
    for index in indices:
        column = table.columns[index]
        titles.setdefault(note_of(table, column).brief, []).append(column.title)
    return " ".join(f"{', '.join(names)}: {brief}." for brief, names in titles.items())


def note_of(table: Table, column: TableColumn) -> Footnote:
    """The footnote with the protocol of a column."""
    return next(note for note in table.footnotes if note.protocol_id == column.protocol_id)


def where(table: Table) -> str:
    """Data of a table, for a caption."""
    return f"{_name(table)}, fingerprint {table.fingerprint[:12]}"


def _name(table: Table) -> str:
    return f"{table.dataset} at {table.resolution}×{table.resolution}"


def _apart(table: Table, columns: Sequence[TableColumn]) -> list[str]:
    """Fields in which the protocols of columns differ, with the values."""
    every = [dict(note_of(table, column).fields) for column in columns]
    names = dict.fromkeys(name for fields in every for name in fields)
    return [
        f"{name} is {' and '.join(values)}"
        for name in names
        if len(values := list(dict.fromkeys(f.get(name, "not there") for f in every))) > 1
    ]
