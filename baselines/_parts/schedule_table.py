"""Growing by a table written by hand, as Balanced Pioneer does.

A row says from which image on it holds, and at what resolution, margin and learning rate.
Several rows may share a resolution: only the first of them starts a fade.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

from .progressive_schedule import RESOLUTIONS, Growth, Schedule


class Row(NamedTuple):
    """A line of the table."""

    start: int  # images shown when it begins to hold
    resolution: int
    margin: float  # M, a gap between two K; 0: no hinge
    lr: float


@dataclass(frozen=True)
class RowGrowth(Growth):
    """Where in the table a training stands."""

    row: int  # number of the row that holds
    margin: float
    lr: float

    @property
    def era(self) -> int:
        """The row: another margin empties the image buffer, as another phase does."""
        return self.row


@dataclass(frozen=True)
class Table:
    """Rows in order, every resolution from 4x4 up among them."""

    rows: tuple[Row, ...]
    fade: float  # images over which alpha rises, however long a phase is; 0: no fade

    @property
    def eras(self) -> tuple[int, ...]:
        """Resolution of each row."""
        return tuple(row.resolution for row in self.rows)

    def growth(self, seen: int) -> RowGrowth:
        """Phase, alpha and row after *seen* images."""
        number = bisect_right([row.start for row in self.rows], seen) - 1
        row = self.rows[number]
        starts = {row.resolution: row.start for row in reversed(self.rows)}
        phases = Schedule(tuple(starts[size] for size in sorted(starts)), self.fade)
        growth = phases.growth(seen)
        return RowGrowth(growth.phase, growth.alpha, number, row.margin, row.lr)


def grows_evenly(rows: tuple[Row, ...]) -> bool:
    """Whether starts rise from 0, and resolutions from 4 without a gap."""
    starts, sizes = [row.start for row in rows], [row.resolution for row in rows]
    rising = all(a < b for a, b in pairwise(starts))
    doubling = all(b in (a, 2 * a) for a, b in pairwise(sizes))
    return bool(rows) and starts[0] == 0 and sizes[0] == RESOLUTIONS[0] and rising and doubling


PHASE = 2_400_000  # images, up to 32x32 for every data set

# "paper" and "release" differ only in what they do with CelebA-HQ from 8x8 to 32x32. The
# released table also has a margin at 4x4, but its program never applies a table's first row.
_CELEBAHQ_LATE = (
    Row(9_600_000, 64, 0.0, 1e-3),
    Row(13_000_000, 64, 0.2, 1e-3),
    Row(16_520_000, 128, 0.2, 1e-3),
    Row(20_040_000, 256, 0.4, 1e-3),
)


def _even(phases: int, margin: float = 0.0, lr: float = 1e-3) -> tuple[Row, ...]:
    """Phases of equal length; the first without margin, at the usual learning rate."""
    later = (Row(phase * PHASE, 4 << phase, margin, lr) for phase in range(1, phases))
    return (Row(0, 4, 0.0, 1e-3), *later)


_LSUN = (
    *_even(4),
    Row(9_600_000, 64, 0.0, 1e-3),
    Row(12_360_000, 64, 0.6, 1e-3),  # the paper's text: "after 13M"
    Row(15_400_000, 128, 0.6, 1e-3),
    Row(21_400_000, 256, 0.4, 1e-3),
)

# (data, schedule) -> rows. Margins are the paper's: gaps in K. The released code's, of 0.1 K, are
# a tenth of them.
TABLES: dict[tuple[str, str], tuple[Row, ...]] = {
    ("celebahq", "paper"): (*_even(4), *_CELEBAHQ_LATE),
    ("celebahq", "release"): (*_even(4, margin=0.5, lr=5e-4), *_CELEBAHQ_LATE),
    ("lsun", "paper"): _LSUN,
    ("lsun", "release"): _LSUN,
    ("default", "paper"): _even(9),
    ("default", "release"): _even(9),
}
