"""How many cores there are for this process, and how many of them are free."""

from __future__ import annotations

import os


def allowed() -> int:
    """Cores that this process may use; all of them where, as on macOS, nobody can say."""
    mine = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return mine or 1


def free() -> int:
    """Those of them that others have left alone in the last minute, at least 1.

    Threads of one sum wait for each other: on cores that others use, two are slower than one.
    """
    busy = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
    return max(1, min(allowed(), round((os.cpu_count() or 1) - busy)))
