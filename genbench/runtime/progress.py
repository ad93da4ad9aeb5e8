"""One progress bar for everything that takes long: done, rate, time left, on standard error.

On a terminal it is two live rows, the second for remarks; in a log file it is a plain line now
and then, so that a batch job's log stays readable. Both fit a window of 80 columns.
"""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable, Iterator

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from genbench.runtime.durations import in_words
from genbench.runtime.rate import Cost, Rate

LOG_EVERY = 20.0  # seconds between lines where there is no terminal
COLUMNS = 80  # of a line there
GAP = "  "  # between the parts of a line, and between the items of a remark
BAR = 40  # columns of the longest bar
SIZES = ((10**12, "TB"), (10**9, "GB"), (10**6, "MB"), (10**3, "kB"))

_silent = False  # whether something bigger shows its own progress


@contextlib.contextmanager
def silent() -> Iterator[None]:
    """No bars for as long as the block lasts: the work is a part of what has one already."""
    global _silent
    before, _silent = _silent, True
    try:
        yield
    finally:
        _silent = before


class Progress:
    """Work under way, which the one who does it reports: ``advance(n, note="loss 0.5")``."""

    def __init__(self, title: str, total: int, unit: str, rate: Rate) -> None:
        self.title, self.total, self.unit, self.rate = title, total, unit, rate
        self.note, self.ended, self.left_out = "", False, 0
        self.watch: Callable[[], None] = lambda: None  # told after every advance

    def __call__(self, n: int, note: str = "") -> None:
        """*n* units more are done; *note* is a remark, its items two spaces apart."""
        self.rate.advance(n)
        self.note = note
        self.watch()

    @contextlib.contextmanager
    def part(self, n: int) -> Iterator[None]:
        """A part of the work, of *n* units: those not done when it ends will never be."""
        whole = self.rate.done + n
        try:
            yield
        finally:
            lost = max(whole - self.rate.done, 0)
            self.left_out += lost
            self.total -= lost

    # --- in words

    @property
    def share(self) -> str:
        """Per cent; 100 only at the end."""
        done, total = self.rate.done, self.total
        if total <= 0:
            return "0 %" if self.left_out else "100 %"
        return f"{100 * done // total} %"

    @property
    def count(self) -> str:
        """Done of all: "1350/3000 images"."""
        total, unit = _in_unit(self.total, self.unit)
        done = self.rate.done * total / self.total if self.total > 0 else 0
        return f"{done:.0f}/{total:.0f} {unit}"

    @property
    def speed(self) -> str:
        """Units a second: of late, and in the end over all."""
        rate, unit = _in_unit(self.rate.overall if self.ended else self.rate.now, self.unit)
        return f"{rate:.0f} {unit}/s" if rate >= 9.95 or not rate else f"{rate:.2g} {unit}/s"

    @property
    def time(self) -> str:
        """That is left, and in the end that it took."""
        if self.ended:
            lost = f"  {self.left_out} left out" if self.left_out else ""
            return f"in {in_words(self.rate.seconds)}{lost}"
        left = self.rate.left(self.total)
        return "" if left is None else f"{in_words(max(left, 0))} left"


@contextlib.contextmanager
def bar(
    title: str,
    total: int,
    unit: str = "images",
    start: int = 0,
    *,
    shown: bool = True,
    cost: Cost = float,
) -> Iterator[Progress]:
    """Show progress of *total* units; the block calls what it is given, ``advance(n, note=...)``.

    Args:
        title: what is being done, a few words.
        total: units in the whole work.
        unit: what is counted.
        start: units already done in an earlier run.
        shown: False says nothing, as all but the first of several processes should.
        cost: of the first n units, where some take longer than others.
    """
    work = Progress(title, total, unit, Rate(start, cost=cost))
    if _silent or not shown:
        yield work
        return
    terminal = Console(stderr=True)
    with live(work, terminal) if terminal.is_terminal else _logged(work):
        yield work


# --- on a terminal


@contextlib.contextmanager
def live(work: Progress, console: Console) -> Iterator[None]:
    """Two rows that follow the work; they stay when it ends."""
    with Live(console=console, get_renderable=lambda: rows(work, console.width)):
        yield
        work.ended = True


def rows(work: Progress, width: int) -> RenderableType:
    """What a terminal of *width* columns shows: title, bar, per cent, rate, time; and remarks."""
    facts = [work.share, work.count, work.speed, work.time]
    if width < 100:
        del facts[1]
    right = GAP.join(filter(None, facts))
    free = width - len(right) - len(GAP)
    wide = min(BAR, max(free - len(work.title) - len(GAP), free // 3))
    grid = Table.grid(padding=(0, len(GAP), 0, 0), pad_edge=False)
    cells: list[RenderableType] = []
    if (room := free - wide - len(GAP)) >= min(4, len(work.title)):
        grid.add_column(width=min(room, len(work.title)))
        cells.append(Text(work.title, no_wrap=True, overflow="ellipsis"))
    if wide > 4:
        grid.add_column(width=wide)
        total = max(work.total, 1)
        done = work.rate.done if work.total > 0 else total
        cells.append(ProgressBar(total=total, completed=done, width=wide))
    grid.add_column(no_wrap=True)
    grid.add_row(*cells, Text(right, no_wrap=True, overflow="ellipsis"))
    return Group(grid, Text(fitted(work.note, width), style="dim")) if work.note else grid


# --- in a log file


@contextlib.contextmanager
def _logged(work: Progress) -> Iterator[None]:
    """Lines at most every `LOG_EVERY` seconds, and at the end."""
    last = time.monotonic()

    def see() -> None:
        nonlocal last
        if time.monotonic() - last >= LOG_EVERY:
            last = time.monotonic()
            sys.stderr.writelines(f"{text}\n" for text in lines(work))

    work.watch = see
    yield
    work.ended = True
    sys.stderr.writelines(f"{text}\n" for text in lines(work))


def lines(work: Progress) -> list[str]:
    """What a log file says: "pioneer: 45 %  1350/3000 images  28 images/s  3 min left"; remarks."""
    facts = GAP.join(filter(None, [work.share, work.count, work.speed, work.time]))
    room = COLUMNS - len(facts) - len(": ")
    found = [f"{_cut(work.title, room)}: {facts}" if room > 0 else facts]
    if work.note:
        found.append(GAP + fitted(work.note, COLUMNS - len(GAP)))
    return found


# --- what both say


def fitted(note: str, width: int) -> str:
    """As many of a remark's items as fit; they are two spaces apart."""
    items = note.split(GAP)
    while len(items) > 1 and len(GAP.join(items)) > width:
        items.pop()
    return _cut(GAP.join(items), width)


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else text[: max(width - 1, 0)] + "…"


def _in_unit(number: float, unit: str) -> tuple[float, str]:
    """A number of bytes in the largest unit that it fills; any other number as it is."""
    scales = SIZES if unit == "bytes" else ()
    scale, sign = next(((s, sign) for s, sign in scales if number >= s), (1, unit))
    return number / scale, sign
