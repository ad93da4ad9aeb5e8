"""Reasons to stop training at a checkpoint: a signal, or time that is up."""

from __future__ import annotations

import contextlib
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from types import FrameType

from genbench.runs import End, RunState
from genbench.training import slurm
from genbench.training.settings import Training


@dataclass
class Stop:
    """Whether, and how, training should end after the present step."""

    end: End | None = None


@contextlib.contextmanager
def signals() -> Iterator[Stop]:
    """Let Ctrl-C or a scheduler's SIGTERM end training after the step; a second one ends it now."""
    stop = Stop()

    def ask(number: int, _: FrameType | None) -> None:
        if stop.end:
            raise KeyboardInterrupt
        name = signal.Signals(number)
        stop.end = End(RunState.INTERRUPTED, f"by {name.name}", name)

    try:
        wanted = (signal.SIGINT, signal.SIGTERM, *slurm.warning_signals())
        before = {number: signal.signal(number, ask) for number in wanted}
    except ValueError:  # not the main thread: nobody sends signals here
        yield stop
        return
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class Clock:
    """The time that training may take, counted from here."""

    def __init__(self, settings: Training) -> None:
        self._limits = (
            (settings.minutes, time.monotonic, time.monotonic(), "minutes"),
            (
                settings.cpu_minutes,
                time.process_time,
                time.process_time(),
                "minutes of processor time",
            ),
        )

    def end(self) -> End | None:
        """How training should end now, if time is up."""
        for limit, now, began, what in self._limits:
            if limit is not None and now() - began >= 60 * limit:
                return End(RunState.STOPPED, f"after {limit:g} {what}, as asked")
        return None
