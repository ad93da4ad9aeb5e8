"""One progress bar for everything that takes long: done, rate, time left, on standard error.

On a terminal it is a live line; in a log file it is a plain line now and then, so that a
batch job's log stays readable.
"""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable, Iterator

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

LOG_EVERY = 20.0  # seconds between lines where there is no terminal

Advance = Callable[..., None]  # advance(n, note="...")


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


@contextlib.contextmanager
def bar(
    title: str, total: int, unit: str = "images", start: int = 0, *, shown: bool = True
) -> Iterator[Advance]:
    """Show progress of *total* units; the block calls ``advance(n, note=...)``.

    Args:
        title: what is being done, a few words.
        total: units in the whole work.
        unit: what is counted.
        start: units already done in an earlier run.
        shown: False says nothing, as all but the first of several processes should.
    """
    if _silent or not shown:
        yield lambda n, note="": None
        return
    terminal = Console(stderr=True)
    meter = (
        _live(terminal, title, total, unit, start)
        if terminal.is_terminal
        else _plain(title, total, unit, start)
    )
    with meter as advance:
        yield advance


@contextlib.contextmanager
def _live(console: Console, title: str, total: int, unit: str, start: int) -> Iterator[Advance]:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]:.0f} " + unit + "/s"),
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}", style="dim"),
    )
    with Progress(*columns, console=console, transient=False) as progress:
        task = progress.add_task(title, total=total, completed=start, rate=0.0, note="")
        began, done = time.monotonic(), 0

        def advance(n: int, note: str = "") -> None:
            nonlocal done
            done += n
            rate = done / max(time.monotonic() - began, 1e-9)
            progress.update(task, advance=n, rate=rate, note=note)

        yield advance


@contextlib.contextmanager
def _plain(title: str, total: int, unit: str, start: int) -> Iterator[Advance]:
    began = last = time.monotonic()
    done = start

    def line(note: str) -> str:
        seconds = max(time.monotonic() - began, 1e-9)
        rate = (done - start) / seconds
        left = (total - done) / rate if rate else float("inf")
        text = f"{title}: {done}/{total} {unit}, {rate:.0f} {unit}/s, {left:.0f} s left"
        return f"{text}, {note}" if note else text

    def advance(n: int, note: str = "") -> None:
        nonlocal done, last
        done += n
        if time.monotonic() - last >= LOG_EVERY:
            last = time.monotonic()
            sys.stderr.write(line(note) + "\n")

    yield advance
    seconds = time.monotonic() - began
    sys.stderr.write(f"{title}: {done}/{total} {unit} in {seconds:.1f} s\n")
