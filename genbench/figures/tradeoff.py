"""Two scores against each other, with error bars and the Pareto front."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from genbench.errors import NotEnoughData
from genbench.figures.canvas import (
    COLOURS,
    COLUMN,
    MARKERS,
    WIDTH,
    Drawing,
    Words,
    blank,
    text,
)
from genbench.figures.labels import name_points
from genbench.figures.scores import axis_label, column_of, directed, protocol_words, where
from genbench.tables.table import Row, Table

FEW = 3  # points that a small plot has room for, with their names


def tradeoff(table: Table, x: str, y: str, log: Sequence[str] = ()) -> Drawing:
    """Models as points, score *x* across and score *y* up.

    Args:
        table: numbers on one data set.
        x: a score, "fid", or with its protocol, "fid@3fa9"; likewise *y*.
        log: axes with a logarithmic scale, "x", "y".

    Raises:
        UnknownName, BadInput, BadSetting: see `genbench.figures.scores.column_of`.
        NotEnoughData: no model has both numbers.
    """
    across, up = column_of(table, x, "--x"), column_of(table, y, "--y")
    lower = (directed(table, across), directed(table, up))
    rows = [row for row in table.rows if not row.anchor]
    shown = [row for row in rows if None not in _point(row, across, up)]
    if not shown:
        raise NotEnoughData(f"no model has both {x} and {y}; measure them: genbench evaluate")
    points = [(float(a or 0), float(b or 0)) for a, b in (_point(r, across, up) for r in shown)]
    best = front(points, lower)
    large = len(points) > FEW
    with blank(*((WIDTH, 0.6 * WIDTH) if large else (1.25 * COLUMN, COLUMN))) as canvas:
        axes = canvas.add_subplot()
        for number, (row, point) in enumerate(zip(shown, points, strict=True)):
            axes.errorbar(
                *point,
                xerr=row.cells[across].spread,
                yerr=row.cells[up].spread,
                color=COLOURS[number % len(COLOURS)],
                marker=MARKERS[number % len(MARKERS)],
                markersize=5,
                capsize=2,
                linewidth=0.9,
                zorder=3,
            )
        for name, scale in (("x", axes.set_xscale), ("y", axes.set_yscale)):
            if name in log:
                scale("log")
                _plain_ticks(getattr(axes, f"{name}axis"))
        axes.margins(0.12)
        path = _line(axes, [points[i] for i in best], lower)
        axes.set_xlabel(text(axis_label(table.columns[across])))
        axes.set_ylabel(text(axis_label(table.columns[up])))
        axes.grid(visible=True, color="#dddddd", linewidth=0.4)
        axes.set_axisbelow(True)
        canvas.tight_layout()
        bars = [
            bar
            for row, point in zip(shown, points, strict=True)
            for bar in _bars(point, row.cells[across].spread, row.cells[up].spread)
        ]
        names = [text(row.label, 32) for row in shown]
        name_points(axes, points, names, [*bars, *pairwise(path)])
    words = _words(table, across, up, [shown[i] for i in best])
    return Drawing(words, canvas, large=large)


def front(points: Sequence[tuple[float, float]], lower: tuple[bool, bool]) -> list[int]:
    """Points that no other is better than in both, from left to right.

    Args:
        points: (x, y).
        lower: whether lower is better in x, and in y.
    """
    signs = tuple(1 if each else -1 for each in lower)
    costs = [(signs[0] * x, signs[1] * y) for x, y in points]

    def is_dominated(i: int) -> bool:
        return any(
            other[0] <= costs[i][0] and other[1] <= costs[i][1] and other != costs[i]
            for other in costs
        )

    return sorted((i for i in range(len(points)) if not is_dominated(i)), key=lambda i: points[i])


def stairs(
    best: Sequence[tuple[float, float]], lower: tuple[bool, bool]
) -> list[tuple[float, float]]:
    """The border of what the front beats, between its first and its last point."""
    worse = tuple(max if each else min for each in lower)
    path = [best[0]]
    for a, b in pairwise(best):
        path += [(worse[0](a[0], b[0]), worse[1](a[1], b[1])), b]
    return path


def _point(row: Row, across: int, up: int) -> tuple[float | None, float | None]:
    return row.cells[across].value, row.cells[up].value


def _bars(
    point: tuple[float, float], across: float | None, up: float | None
) -> list[tuple[tuple[float, float], tuple[float, float]]]:
    """Ends of the error bars of a point."""
    (x, y), dx, dy = point, across or 0.0, up or 0.0
    return [((x - dx, y), (x + dx, y)), ((x, y - dy), (x, y + dy))]


def _plain_ticks(axis: Any) -> None:
    """20, 30, 50 where matplotlib would write powers of ten."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    axis.set_major_locator(LogLocator(subs=(1, 2, 3, 5)))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_formatter(NullFormatter())


def _line(
    axes: Any, best: Sequence[tuple[float, float]], lower: tuple[bool, bool]
) -> list[tuple[float, float]]:
    """The front, drawn on to the edges of the plot; returns its points."""
    left, right = axes.get_xlim()
    bottom, top = axes.get_ylim()
    worst = (right if lower[0] else left, top if lower[1] else bottom)
    path = stairs(best, lower)
    # In x, the front runs up to the worst y at its end that is best in x, and on at the other.
    first, last = (path[0], path[-1]) if lower[0] else (path[-1], path[0])
    ends = ((first[0], worst[1]), (worst[0], last[1]))
    path = [ends[0], *path, ends[1]] if lower[0] else [ends[1], *path, ends[0]]
    axes.plot(*zip(*path, strict=True), color="#777777", linestyle="--", linewidth=0.9, zorder=1)
    axes.set_xlim(left, right)
    axes.set_ylim(bottom, top)
    return path


def _words(table: Table, across: int, up: int, best: Sequence[Row]) -> Words:
    titles = [table.columns[i].title for i in (across, up)]
    absent = [
        f"{row.label} (no {' and no '.join(lacks)})"
        for row in table.rows
        if not row.anchor
        and (lacks := [table.columns[i].title for i in (across, up) if row.cells[i].value is None])
    ]
    over = dict.fromkeys(
        row.cells[i].spread_over
        for row in table.rows
        for i in (across, up)
        if row.cells[i].spread is not None
    )
    parts = [
        f"Models on {where(table)}.",
        f"Bars: {'; '.join(filter(None, over))}." if any(over) else "",
        "Dashed: the Pareto front of the values, error bars left aside; no model is better in "
        f"both than {', '.join(row.label for row in best)}.",
        f"Not shown: {', '.join(absent)}." if absent else "",
        protocol_words(table, (across, up)),
    ]
    return Words(
        f"{titles[0]} against {titles[1]}",
        " ".join(filter(None, parts)),
        f"a scatter plot of {titles[0]} and {titles[1]} of several models; the best in both are "
        f"{', '.join(row.label for row in best)}",
    )
