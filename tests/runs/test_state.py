"""What a run is doing is one word, and run.json of every version says it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from run_folders import run_folder

from genbench import runs
from genbench.errors import BadInput
from genbench.runs import RunState


@pytest.mark.parametrize(
    ("written", "state", "reason", "status"),
    [
        ("training", RunState.TRAINING, "", "training"),
        ("finished", RunState.FINISHED, "", "finished"),
        ("imported", RunState.IMPORTED, "", "imported"),
        ("failed: no room", RunState.FAILED, "no room", "failed: no room"),
        ("failed: failed: twice", RunState.FAILED, "failed: twice", "failed: failed: twice"),
        (
            "stopped by SIGTERM",
            RunState.INTERRUPTED,
            "by SIGTERM",
            "interrupted by SIGTERM",
        ),
        (
            "stopped after 2 minutes, as asked",
            RunState.STOPPED,
            "after 2 minutes, as asked",
            "stopped after 2 minutes, as asked",
        ),
    ],
)
def test_old_runs_say_their_state_as_a_sentence(
    tmp_path: Path, written: str, state: RunState, reason: str, status: str
) -> None:
    run = runs.read(run_folder(tmp_path / "old", state=written))
    assert (run.state, run.facts["reason"], run.status) == (state, reason, status)

    run.update(seen=7)  # which writes it in the form of today
    again = runs.read(run.folder)
    assert (again.state, again.facts["reason"], again.status) == (state, reason, status)
    assert json.loads((run.folder / "run.json").read_text())["state"] == state.value


def test_a_reason_that_begins_like_an_old_state_stays_a_reason(tmp_path: Path) -> None:
    folder = run_folder(tmp_path / "new", state="diverged", reason="failed: lr")
    assert runs.read(folder).status == "diverged: failed: lr"


def test_an_unknown_state_is_refused(tmp_path: Path) -> None:
    folder = run_folder(tmp_path / "odd", state="paused")
    with pytest.raises(BadInput, match=r"its state is 'paused', which is not known\. Known: train"):
        runs.read(folder)
