"""Times as people say them: "40 s", "3 min", "5 d 18 h"."""

from __future__ import annotations

import math

MINUTE, HOUR, DAY, YEAR = 60, 3_600, 86_400, 365 * 86_400
# A unit, the smaller one beside it, and what a time may lack of the unit: it would be rounded up.
PAIRS = (
    (YEAR, "y", DAY, "d", HOUR / 2),
    (DAY, "d", HOUR, "h", MINUTE / 2),
    (HOUR, "h", MINUTE, "min", MINUTE / 2),
)


def in_words(seconds: float) -> str:
    """A time in its two largest units, the smaller one rounded: "5 d 18 h", "3 min", "40 s".

    Raises:
        ValueError: not a time, but less than nothing, endless or no number.
    """
    if not (math.isfinite(seconds) and seconds >= 0):
        raise ValueError(f"{seconds} seconds are no time")
    for large, sign, small, small_sign, lack in PAIRS:
        if seconds >= large - lack:
            many, rest = divmod(round(seconds / small), large // small)
            return f"{many} {sign} {rest} {small_sign}" if rest else f"{many} {sign}"
    if round(seconds) >= MINUTE:
        return f"{round(seconds / MINUTE)} min"
    return f"{seconds:.0f} s" if seconds >= 0.5 else "under 1 s"


def about(seconds: float) -> str:
    """A time that is an estimate: "about 3 min", "under 1 s"."""
    words = in_words(seconds)
    return words if words.startswith("under") else f"about {words}"
