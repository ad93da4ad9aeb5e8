"""Recognises failures of training in the scalars that are logged anyway."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from genbench.interfaces import Alarm

ROWS = 10  # logged rows whose mean is one window
WINDOWS = 4  # newest ones that are kept
FLAT = 1e-3  # mean deviation over samples, of pixels in [-1, 1], where all look the same


class Alarms:
    """Takes the rows of a log and says which alarm rings, each at most once a window."""

    def __init__(self, alarms: Sequence[Alarm]) -> None:
        self.alarms = alarms
        self.windows: list[Mapping[str, float]] = []
        self.starts: list[int] = []  # images seen when each window began
        self._rows: list[Mapping[str, float]] = []
        self._begin, self._resolution = 0, 0
        self._varied = False  # samples have differed from each other before

    def see(self, row: Mapping[str, float], seen: int, resolution: int) -> Alarm | None:
        """Take a row logged after *seen* images; the alarm that rings now, if any.

        A new resolution is a new game: its first windows are not compared with the old ones.
        """
        if resolution != self._resolution:
            self.windows, self.starts, self._rows = [], [], []
            self._resolution = resolution
        if not self._rows:
            self._begin = seen
        self._rows.append(row)
        if len(self._rows) < ROWS:
            return None
        names = set.intersection(*(set(each) for each in self._rows))
        mean = {name: sum(each[name] for each in self._rows) / ROWS for name in names}
        self.windows = [*self.windows, mean][-WINDOWS:]
        self.starts = [*self.starts, self._begin][-WINDOWS:]
        self._rows = []
        return next((alarm for alarm in self.alarms if alarm.rings(self.windows)), None)

    def see_samples(self, deviation: float) -> Alarm | None:
        """Take the mean deviation of pixels over samples; rings when they were once different."""
        if deviation < FLAT:  # not so for samples that are no numbers, which is another failure
            return SAME_SAMPLES if self._varied else None
        self._varied = True
        return None

    @property
    def since(self) -> int:
        """Images seen when the oldest window began that an alarm may have looked at."""
        return self.starts[0] if self.starts else self._begin


SAME_SAMPLES = Alarm(
    "the generator collapses: all samples are the same image",
    "try a smaller lr",
    lambda _: False,  # seen in the samples, not in the scalars
)
