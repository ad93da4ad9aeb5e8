"""What checking a promise has come to."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from genbench.errors import GenbenchError


class Verdict(enum.Enum):
    """How a promise stands."""

    KEPT = "kept"
    BROKEN = "broken"
    NOT_CHECKED = "not checked"


class ContractBroken(GenbenchError):
    """A plug-in does not keep a promise; the message says which."""


class NotChecked(Exception):  # named after what happened, as errors are here
    """A promise that this plug-in does not make, or that cannot be tried here: the reason."""


@dataclass(frozen=True)
class Outcome:
    """One promise of one plug-in."""

    promise: str
    verdict: Verdict
    why: str = ""  # where it is not kept
