"""How fast work goes now, and how long the rest of it takes."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable

WINDOW = 30.0  # seconds that "now" reaches back; a unit that takes longer is still seen whole
EVERY = 0.2  # seconds between two marks

Cost = Callable[[int], float]  # what the first n units cost, in any measure; rises with n


class Rate:
    """Watches units being done.

    Where units differ in how long they take, as images of a growing model do, *cost* says by how
    much: the time that is left is then right before the slow ones have begun.
    """

    def __init__(
        self,
        start: int = 0,
        *,
        cost: Cost = float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """*start* units have been done before, nobody knows how fast."""
        self.start, self.done, self.cost, self._clock = start, start, cost, clock
        self.began = clock()
        self._marks = deque([(self.began, start)])
        self._calls = 0

    def advance(self, n: int) -> None:
        """Count *n* units more.

        The first ones load and set things up: once others have followed, they say nothing.
        """
        self.done += n
        self._calls += 1
        now = self._clock()
        if self._calls == 2:
            self._marks.popleft()
        if now - self._marks[-1][0] >= EVERY or self._calls == 1:
            self._marks.append((now, self.done))
        while len(self._marks) > 2 and self._marks[1][0] <= now - WINDOW:
            self._marks.popleft()

    @property
    def seconds(self) -> float:
        """Since the beginning."""
        return self._clock() - self.began

    @property
    def overall(self) -> float:
        """Units a second since the beginning."""
        return (self.done - self.start) / max(self.seconds, 1e-9)

    @property
    def now(self) -> float:
        """Units a second of late."""
        (began, start), (ended, done) = self._marks[0], self._marks[-1]
        return (done - start) / (ended - began) if ended > began else self.overall

    def left(self, total: int) -> float | None:
        """Seconds until *total* units are done; None while nothing is known."""
        (began, start), (ended, done) = self._marks[0], self._marks[-1]
        if ended == began:
            ended, done = self._clock(), self.done
        spent = self.cost(done) - self.cost(start)
        rest = self.cost(total) - self.cost(self.done)
        return rest * (ended - began) / spent if spent > 0 else None
