"""Begin a run or go on with it: decided in one place."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from run_folders import run_folder

from genbench import runs
from genbench.errors import BadInput
from genbench.runs import Run, RunState, checkpoints
from genbench.training import resume
from genbench.training.resume import WantedRun, begin_or_resume


def saved(folder: Path, **facts: Any) -> Path:
    """A run with something that passes for a checkpoint."""
    run = runs.read(run_folder(folder, **facts))
    checkpoint = run.checkpoints / "000000000060"
    checkpoint.mkdir(parents=True)
    (checkpoint / checkpoints.MODEL).write_bytes(b"")
    return folder


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What was done, in order; going on does nothing but say so."""
    done: list[str] = []

    def go_on(folder: Path, changes: Any) -> tuple[Run, list[str]]:
        done.append(f"resume with {changes}")
        return runs.read(folder), ["damaged"]

    monkeypatch.setattr(resume, "resume", go_on)
    return done


def wanted(folder: Path, calls: list[str], **more: Any) -> WantedRun:
    def begin() -> Run:
        calls.append("begin")
        return runs.read(run_folder(folder))

    return WantedRun(folder=folder, begin=begin, changes={"minutes": 3}, say=calls.append, **more)


def test_where_there_is_nothing_it_begins(tmp_path: Path, calls: list[str]) -> None:
    run, damaged = begin_or_resume(wanted(tmp_path / "new", calls))
    assert (run.folder, damaged, calls) == (tmp_path / "new", [], ["begin"])


def test_killed_before_its_first_checkpoint_it_begins_anew(
    tmp_path: Path, calls: list[str]
) -> None:
    folder = run_folder(tmp_path / "killed", state="training", id="old")
    run, _ = begin_or_resume(wanted(folder, calls))
    assert calls == ["begin"]
    assert run.id != "old"


@pytest.mark.parametrize("state", ["training", "stopped", "interrupted", "diverged", "failed"])
def test_what_has_not_finished_goes_on(tmp_path: Path, calls: list[str], state: str) -> None:
    folder = saved(tmp_path / "run", state=state)
    _, damaged = begin_or_resume(wanted(folder, calls))
    assert damaged == ["damaged"]
    assert calls == [f"going on with {folder}", "resume with {'minutes': 3}"]


def test_what_is_enough_is_left_as_it_is(tmp_path: Path, calls: list[str]) -> None:
    assert begin_or_resume(wanted(saved(tmp_path / "a"), calls))[1] == []
    stopped = saved(tmp_path / "b", state="stopped after 1 minutes, as asked")
    begin_or_resume(wanted(stopped, calls, enough=lambda run: run.state is RunState.STOPPED))
    assert calls == []


def test_another_run_is_neither_deleted_nor_trained(tmp_path: Path, calls: list[str]) -> None:
    folder = run_folder(tmp_path / "other")  # without a checkpoint, too

    def refuse(run: Run) -> None:
        raise BadInput(f"{run.name} is another one")

    with pytest.raises(BadInput, match="other is another one"):
        begin_or_resume(wanted(folder, calls, agree=refuse))
    assert calls == []
    assert runs.read(folder).name == "other"
