"""What a run is doing, or how it ended: one word for programs, and a reason for people."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from signal import Signals

from genbench.errors import BadInput
from genbench.interfaces import Json


class RunState(enum.StrEnum):
    """As it stands in run.json, under "state"."""

    TRAINING = "training"  # or killed while at it: a folder cannot tell
    FINISHED = "finished"
    STOPPED = "stopped"  # at a limit of time that was asked for
    INTERRUPTED = "interrupted"  # by a signal
    DIVERGED = "diverged"
    FAILED = "failed"  # by anything else that the user can put right
    IMPORTED = "imported"  # trained elsewhere


# How a state reads with its reason.
SENTENCES = {
    RunState.STOPPED: "stopped {reason}",
    RunState.INTERRUPTED: "interrupted {reason}",
    RunState.DIVERGED: "diverged: {reason}",
    RunState.FAILED: "failed: {reason}",
}


@dataclass(frozen=True)
class End:
    """How a training ended that was not ended by an error."""

    state: RunState
    reason: str = ""  # completes its sentence: "after 5 minutes, as asked", "by SIGTERM"
    signal: Signals | None = None


def in_words(state: RunState, reason: str) -> str:
    """A state and its reason as a reader meets them: "stopped after 5 minutes, as asked"."""
    return SENTENCES.get(state, state.value).format(reason=reason) if reason else state.value


# Before there was a reason, the state was a sentence: its beginning, what it means, and how much
# of the beginning is not the reason.
OLD_SENTENCES = (
    ("failed: ", RunState.FAILED, "failed: "),
    ("stopped by ", RunState.INTERRUPTED, "stopped "),
    ("stopped after ", RunState.STOPPED, "stopped "),
)


def read_state(facts: Mapping[str, Json]) -> tuple[RunState, str]:
    """State and reason in the facts of run.json, whatever version of genbench wrote them.

    Raises:
        BadInput: a state that this version does not know.
    """
    state = str(facts.get("state"))
    for beginning, meaning, no_reason in OLD_SENTENCES:
        if state.startswith(beginning):
            return meaning, state.removeprefix(no_reason)
    try:
        return RunState(state), str(facts.get("reason") or "")
    except ValueError:
        known = ", ".join(RunState)
        raise BadInput(f"its state is {state!r}, which is not known. Known: {known}") from None
