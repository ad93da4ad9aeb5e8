"""Warnings that point at the line of the user's own code, however deep they arise."""

from __future__ import annotations

import sys
import warnings
from types import FrameType


def warn(message: str, category: type[Warning]) -> None:
    """A Python warning at the call by which the user's code came into genbench."""
    warnings.warn(message, category, stacklevel=_level())


def _level() -> int:
    """How far up that call is, counted from the caller of this function.

    The outermost frame of genbench counts: torch and contextlib may stand between its frames.
    """
    frame: FrameType | None = sys._getframe(1)
    level = outermost = 1
    while frame is not None:
        if str(frame.f_globals.get("__name__")).partition(".")[0] == "genbench":
            outermost = level
        frame, level = frame.f_back, level + 1
    return outermost + 1
