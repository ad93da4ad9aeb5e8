"""Names beside points, so that they cover neither points nor each other where that can be had."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from genbench.figures.canvas import DPI, SMALL, width_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Box = tuple[float, float, float, float]  # left, bottom, right, top, in pixels
GAP = 0.06 * DPI  # between a point and its name
THIN = 0.015 * DPI  # half the width of a line with its air
HEIGHT = 1.2 * SMALL / 72 * DPI


def name_points(
    axes: Axes,
    points: Sequence[tuple[float, float]],
    names: Sequence[str],
    lines: Sequence[Sequence[tuple[float, float]]] = (),
) -> None:
    """Write each name beside its point, where it covers least of points, *lines* and names.

    Args:
        lines: ends of level and upright lines, such as error bars: ((x, y), (x, y)).
    """
    spots = [tuple(map(float, axes.transData.transform(point))) for point in points]
    taken: list[Box] = [(x - GAP, y - GAP, x + GAP, y + GAP) for x, y in spots]
    for line in lines:
        (ax, ay), (bx, by) = (axes.transData.transform(end) for end in line)
        taken.append(
            (min(ax, bx) - THIN, min(ay, by) - THIN, max(ax, bx) + THIN, max(ay, by) + THIN)
        )
    frame = axes.bbox
    inside = (frame.x0, frame.y0, frame.x1, frame.y1)
    for (x, y), name in zip(spots, names, strict=True):
        box = min(
            _around(x, y, width_of(name, SMALL) * DPI),
            key=lambda box: (
                sum(_overlap(box, other) for other in taken)
                + 2 * (_area(box) - _overlap(box, inside))
            ),
        )
        taken.append(box)
        middle = axes.transData.inverted().transform(((box[0] + box[2]) / 2, (box[1] + box[3]) / 2))
        axes.text(middle[0], middle[1], name, ha="center", va="center", fontsize=SMALL)


def _around(x: float, y: float, width: float) -> list[Box]:
    """Places for a name about a point, the best first: right, above, left, below, corners."""
    right, left, half = x + GAP + width / 2, x - GAP - width / 2, HEIGHT / 2
    above, below = y + GAP + half, y - GAP - half
    centres = [
        (right, y),
        (x, above),
        (left, y),
        (x, below),
        (right, above),
        (left, above),
        (right, below),
        (left, below),
        (x, above + HEIGHT),
        (x, below - HEIGHT),
    ]
    return [(cx - width / 2, cy - half, cx + width / 2, cy + half) for cx, cy in centres]


def _area(box: Box) -> float:
    return (box[2] - box[0]) * (box[3] - box[1])


def _overlap(a: Box, b: Box) -> float:
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    return max(width, 0.0) * max(height, 0.0)
