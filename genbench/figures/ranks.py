"""Average rank of each model over the scores that all of them have."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from genbench.errors import NotEnoughData, UnknownName, nearest
from genbench.figures.canvas import COLOURS, COLUMN, SMALL, Drawing, Words, blank, text
from genbench.figures.scores import Titles, column_of, directed, one_table, protocol_words, where
from genbench.results.record import Record
from genbench.tables.compare import Scale, judge
from genbench.tables.labels import labels
from genbench.tables.select import (
    Selection,
    Slot,
    by_table,
    choose,
    ties,
)
from genbench.tables.table import Row, Table

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Canvas


@dataclass(frozen=True)
class Ranking:
    """Ranks of models, 1 the best, in each of several columns."""

    rows: Sequence[Row]  # the best average first
    ranks: Sequence[Sequence[float]]  # of each row, in each column
    columns: Sequence[int]  # of the table

    @property
    def averages(self) -> list[float]:
        """Of each row."""
        return [sum(ranks) / len(ranks) for ranks in self.ranks]


def ranks(
    records: Sequence[Record],
    titles: Titles,
    data: tuple[str | None, int | None] = (None, None),
    models: Sequence[str] = (),
    scores: Sequence[str] = (),
) -> Drawing:
    """Models from the best average rank down.

    Args:
        records: of any number of evaluations.
        titles: (metric, score) -> how the score is printed.
        data: name and resolution of the data set, where there are several.
        models: those to rank; by default all contenders.
        scores: those to rank by, and models without them stay out; by default the main score
            of every metric that all models have.
    """
    table = one_table(records, titles, *data)
    rows, columns = _chosen(table, models, scores)
    mine = by_table(records)[table.dataset, table.resolution, table.fingerprint]
    found = _ranked(table, mine, rows, columns)
    return Drawing(_words(table, found), _drawn(found))


def tied_ranks(
    values: Sequence[float], lower: bool, tied: Callable[[int, int], bool]
) -> list[float]:
    """Rank of each value; who ties shares: 1 + those that are better + half of those that tie.

    Args:
        values: one for each model.
        lower: whether lower is better.
        tied: whether two models, by their places, are not told apart.
    """
    sign = 1 if lower else -1
    return [
        1.0
        + sum(
            0.5 if tied(i, j) else float(sign * other < sign * value)
            for j, other in enumerate(values)
            if j != i
        )
        for i, value in enumerate(values)
    ]


def _chosen(
    table: Table, models: Sequence[str], scores: Sequence[str]
) -> tuple[list[Row], list[int]]:
    """Rows and columns without a hole."""
    rows = [row for row in table.rows if not row.anchor]
    for name in models:
        if name not in (known := [row.label for row in rows]):
            raise UnknownName(
                f"the table has no model {name!r}.{nearest(name, known)} Known: {', '.join(known)}"
            )
    rows = [row for row in rows if not models or row.label in models]
    if scores:
        columns = [column_of(table, score, "--scores") for score in scores]
        for index in columns:
            directed(table, index)
        rows = [row for row in rows if all(row.cells[i].value is not None for i in columns)]
    else:
        main: dict[str | None, int] = {}  # the first of each metric, whose scores share a protocol
        for i, column in enumerate(table.columns):
            if column.lower_is_better is not None:
                main.setdefault(column.protocol_id, i)
        columns = [i for i in main.values() if all(row.cells[i].value is not None for row in rows)]
    if len(rows) < 2 or not columns:
        raise NotEnoughData(
            f"ranks need 2 models and a score that both have under one protocol, got {len(rows)} "
            f"models and {len(columns)} such scores; choose with --models and --scores"
        )
    return rows, columns


def _ranked(
    table: Table, records: Sequence[Record], rows: Sequence[Row], columns: Sequence[int]
) -> Ranking:
    chosen = choose(records)
    keys = {label: key for key, label in labels(records).items()}
    own = [keys[row.label] for row in rows]
    heads = [table.columns[i] for i in columns]
    scales = [(Scale(h.score, h.lower_is_better, h.median), h.protocol_id) for h in heads]
    verdicts = judge(chosen, scales, own)
    each = []
    for place, head in enumerate(heads):
        slots = [(key, head.score, head.protocol_id) for key in own]
        differ = verdicts.differ if place in verdicts.settled else None
        tied = functools.partial(_tied, chosen, slots, differ)
        values = [chosen.values[slot].value or 0.0 for slot in slots]
        each.append(tied_ranks(values, directed(table, columns[place]), tied))
    by_row = list(zip(*each, strict=True))
    found = Ranking(rows, by_row, columns)
    order = sorted(range(len(rows)), key=lambda i: (found.averages[i], rows[i].label))
    return dataclasses.replace(
        found, rows=[rows[i] for i in order], ranks=[by_row[i] for i in order]
    )


def _tied(
    chosen: Selection,
    slots: Sequence[Slot],
    differ: Callable[[Slot, Slot], bool] | None,
    i: int,
    j: int,
) -> bool:
    """Whether two models are not told apart: by the tests, where they settle it, else by bars."""
    if differ is not None:
        return not differ(slots[i], slots[j])
    return ties(chosen.values[slots[i]], chosen.values[slots[j]])


def _drawn(found: Ranking) -> Canvas:
    k = len(found.rows)
    with blank(COLUMN * 1.25, 0.55 + 0.24 * k) as canvas:
        axes = canvas.add_subplot()
        for y, (ranks_, average) in enumerate(zip(found.ranks, found.averages, strict=True)):
            axes.plot([min(ranks_), max(ranks_)], [y, y], color="#bbbbbb", linewidth=1, zorder=1)
            axes.plot(ranks_, [y] * len(ranks_), "|", color="#777777", markersize=6, zorder=2)
            axes.plot(average, y, "o", color=COLOURS[0], markersize=6, zorder=3)
            axes.annotate(
                f"{average:.2f}",
                (k + 0.35, y),
                ha="left",
                va="center",
                fontsize=SMALL,
                annotation_clip=False,
            )
        axes.set_yticks(range(k), [text(row.label, 32) for row in found.rows])
        axes.set_ylim(k - 0.4, -0.6)
        axes.set_xlim(0.8, k + 0.2)
        axes.set_xticks(range(1, k + 1) if k <= 12 else range(1, k + 1, 2))
        axes.set_xlabel("rank, 1 is best (dot: average; strokes: one per score)")
        axes.tick_params(axis="y", length=0)
        axes.spines["left"].set_visible(False)
        canvas.tight_layout()
        canvas.subplots_adjust(right=0.9)
    return canvas


def _words(table: Table, found: Ranking) -> Words:
    titles = [table.columns[i].title for i in found.columns]
    out = [
        column.title
        for i, column in enumerate(table.columns)
        if i not in found.columns and column.protocol_id is not None
    ]
    absent = [row.label for row in table.rows if not row.anchor and row not in found.rows]
    others = ", ".join(dict.fromkeys(out))
    parts = [
        f"Ranks of {len(found.rows)} models on {where(table)}, in {len(titles)} scores that all "
        f"have under one protocol and that weigh the same: {', '.join(titles)}.",
        "Who is not told apart, by the rule of the table's bold numbers, shares a rank.",
        f"Left out, for not all have them, neither way is better, or a metric has a main score: "
        f"{others}."
        if others
        else "",
        f"Models left out: {', '.join(absent)}." if absent else "",
        protocol_words(table, found.columns),
    ]
    best = ", ".join(
        f"{row.label} {average:.2f}"
        for row, average in zip(found.rows, found.averages, strict=True)
    )
    return Words("Average ranks", " ".join(filter(None, parts)), f"average ranks: {best}")
