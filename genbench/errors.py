"""Errors that a user can cause: one clear line each, and an exit code, most often 2.

Every message says what was asked, what was found, what was wanted, and what to do next.
A bug is not one of these and keeps its traceback.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class GenbenchError(Exception):
    """Anything a user can cause and put right."""

    exit_code = 2  # of the command that it ends


class UnknownName(GenbenchError):
    """A model, metric, report, data set or feature network that does not exist."""


class BadPlugin(GenbenchError):
    """A plug-in that cannot be imported, or declares something else than its kind wants."""


class BadSetting(GenbenchError):
    """A setting that does not exist, or a value of the wrong type or out of range."""


class BadInput(GenbenchError):
    """A file or folder that is not what it should be: missing, empty, corrupt, of mixed sizes."""


class NotEnoughData(GenbenchError):
    """Fewer images than a metric or a split needs."""


class NotMeasurable(GenbenchError):
    """A number that this model or this data cannot have; the message is the reason in the table."""


class NothingMeasured(GenbenchError):
    """What was asked for makes sense, and not one number came of it; the message says why."""

    exit_code = 1


class CheckFailed(GenbenchError):
    """What was to be checked is not as it should be; what is wrong was told before."""

    exit_code = 1


class MissingWeights(NotMeasurable):
    """The weights of a feature network are nowhere to be found."""


class WrongWeights(GenbenchError):
    """A weights file whose content is not what its name promises."""


class Diverged(GenbenchError):
    """Training produced a number that is not finite."""


class GenbenchWarning(UserWarning):
    """What a user should read, though the work goes on; commands print it as one line."""


class PassedOverWarning(GenbenchWarning):
    """The newest weights of a run are damaged, so older ones were taken."""


class RangeWarning(GenbenchWarning):
    """The images of a model are not in the range that it should use, so its numbers mislead."""


def nearest(name: str, known: Iterable[str]) -> str:
    """' Did you mean vae?' for a near miss, otherwise an empty string."""
    close = difflib.get_close_matches(name, list(known), n=1, cutoff=0.5)
    return f" Did you mean {close[0]}?" if close else ""


def unknown(kind: str, name: str, known: Iterable[str]) -> UnknownName:
    """The error for a name that nobody knows, with the nearest one that somebody does."""
    hint = nearest(name, known)
    return UnknownName(f"no {kind} is called {name!r}.{hint} See: genbench list {kind}")
