"""How long the passes of an evaluation take, in numbers and in words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from genbench.interfaces.streams import Stream
from genbench.runtime.durations import about


@dataclass(frozen=True)
class Time:
    """Of all passes of a model, its networks included."""

    seconds: float | None = None  # None: not timed
    trouble: str = ""  # why some of it cannot be had


@dataclass(frozen=True)
class Times:
    """Of all passes of an evaluation; what metrics work out at their end is not in it."""

    data: Mapping[Stream, float]  # seconds, of the data's own images; from the cache they are free
    models: Mapping[str, Time]

    @property
    def seconds(self) -> float:
        """In all; a model that was not timed takes as long as the others do on the mean."""
        known = [each.seconds for each in self.models.values() if each.seconds is not None]
        mean = sum(known) / len(known) if known else 0.0
        return sum(self.data.values()) + sum(known) + mean * (len(self.models) - len(known))

    def of(self, stream: Stream) -> str:
        """What a line about the data's images of *stream* ends with."""
        return f", {about(self.data[stream])}" if stream in self.data else ""

    def of_model(self, name: str) -> str:
        """What the line about a model ends with."""
        time = self.models[name]
        taken = "" if time.seconds is None else f", {about(time.seconds)}"
        return taken + (f"; not all can be had: {time.trouble}" if time.trouble else "")

    @property
    def whole(self) -> str:
        """The last line."""
        return (
            f"in all {about(self.seconds)} on this machine as busy as now, beside what "
            "metrics work out at their end"
        )
