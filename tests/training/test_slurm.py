"""Batch scripts, and going on after the scheduler has taken the machine back."""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from children import Start

from genbench import runs
from genbench.errors import BadSetting
from genbench.runs import End, RunState, checkpoints
from genbench.training import slurm
from genbench.training.signals import signals

GENBENCH = [sys.executable, "-m", "genbench"]
TRAIN = [
    "train",
    "pioneer",
    "--preset",
    "tiny",
    "--data",
    "toyfaces:60",
    "--resolution",
    "8",
    "--device",
    "cpu",
    "--threads",
    "1",
]


def written(folder: Path, *more: str) -> tuple[str, list[str]]:
    """A script, and the command in it."""
    done = subprocess.run(
        [*GENBENCH, *TRAIN, "--slurm", *more],
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
    )
    script = Path(done.stdout.strip())
    assert f"sbatch {script}" in done.stderr
    subprocess.run(["bash", "-n", str(script)], check=True)
    text = script.read_text()
    line = next(line for line in text.splitlines() if line.startswith("srun "))
    return text, shlex.split(line)


def test_a_script_asks_for_a_process_for_each_device(tmp_path: Path) -> None:
    text, command = written(
        tmp_path,
        "--devices",
        "8",
        "--nodes",
        "4",
        "--name",
        "a run",
        "--slurm-option",
        "time=24:00:00",
        "--slurm-option=partition=gpu",
        "--slurm-option",
        "exclusive",
        "--slurm-option",
        "signal=USR1@300",
    )

    asked = {line.removeprefix("#SBATCH ") for line in text.splitlines() if "#SBATCH" in line}
    assert {
        "--nodes=4",
        "--ntasks-per-node=8",
        "--requeue",
        "--time=24:00:00",
        "--partition=gpu",
        "--exclusive",
        "--signal=USR1@300",
        "--job-name='a run'",
    } <= asked
    assert not any("gpus" in option for option in asked)  # --device cpu
    assert command[:2] == ["srun", "--kill-on-bad-exit=1"]
    assert command[2:] == [
        *GENBENCH,
        *TRAIN,
        "--devices",
        "8",
        "--nodes",
        "4",
        "--name",
        "a run",
        "--continue",
    ]
    assert f"cd {tmp_path}" in text


def test_gpus_are_asked_for_unless_the_user_does() -> None:
    job = slurm.Job(name="x", folder=Path("/runs"), devices=2, nodes=1, gpus=True)
    other = slurm.Job(
        name="x", folder=Path("/runs"), devices=2, nodes=1, gpus=True, options={"gres": "gpu:a:2"}
    )

    assert "#SBATCH --gpus-per-node=2\n" in slurm.script(job, [])
    assert "gpus-per-node" not in slurm.script(other, [])


@pytest.mark.parametrize("wrong", ["Time=1", "=1", "time=1\nrm -r x", "a b=1"])
def test_an_option_that_is_none_is_said(wrong: str) -> None:
    with pytest.raises(BadSetting, match="wanted an option of sbatch and its value, such as"):
        slurm.options([wrong])


def test_the_warning_of_a_job_ends_training_only_in_a_job(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SLURM_JOB_ID", raising=False)
    with signals():
        assert signal.getsignal(signal.SIGUSR1) == signal.SIG_DFL
    monkeypatch.setenv("SLURM_JOB_ID", "7")
    with signals() as stop:
        os.kill(os.getpid(), signal.SIGUSR1)
        assert stop.end == End(RunState.INTERRUPTED, "by SIGUSR1", signal.SIGUSR1)


def scontrol(folder: Path, answer: str) -> str:
    """A PATH with a scontrol of this *answer*, which notes what it is asked."""
    program = folder / "scontrol"
    program.write_text(f'#!/bin/sh\necho "$@" >> {folder}/asked\n{answer}\n')
    program.chmod(0o755)
    return f"{folder}:{os.environ['PATH']}"


@pytest.mark.parametrize(
    ("by", "answer", "said", "asked"),
    [
        (signal.SIGUSR1, "", "job 7 is queued again", ["requeue 7"]),
        (
            signal.SIGTERM,
            "echo JobState=RUNNING",
            "job 7 is queued again",
            ["show job 7", "requeue 7"],
        ),
        (
            signal.SIGTERM,
            "echo JobState=CANCELLED Reason=None",
            "job 7 was cancelled, so it is not queued again; submit its script again to go on",
            ["show job 7"],
        ),
        (
            signal.SIGUSR1,
            "echo no such job >&2; exit 1",
            "scontrol requeue 7 failed: no such job; submit its script again to go on",
            ["requeue 7"],
        ),
        (signal.SIGINT, "", "", []),
        (None, "", "", []),
    ],
)
def test_a_job_is_queued_again_where_slurm_has_ended_it(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    by: signal.Signals | None,
    answer: str,
    said: str,
    asked: list[str],
) -> None:
    monkeypatch.setenv("SLURM_JOB_ID", "7")
    monkeypatch.setenv("PATH", scontrol(tmp_path, answer))

    assert slurm.requeue(by) == said
    notes = tmp_path / "asked"
    assert (notes.read_text().splitlines() if notes.exists() else []) == asked


def test_without_scontrol_it_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLURM_JOB_ID", "7")
    monkeypatch.setenv("PATH", str(tmp_path))

    assert slurm.requeue(signal.SIGUSR1) == (
        "scontrol is not on the PATH, so job 7 is not queued again; "
        "submit its script again to go on"
    )


@pytest.mark.slow
def test_a_job_that_is_preempted_goes_on_when_it_starts_again(start: Start, tmp_path: Path) -> None:
    """The command of a script, with a real signal and an scontrol that only takes notes."""
    few = ["--set", "latent=16", "--set", "phase_images=64", "--set", "buffer=8", "--name", "run"]
    _, command = written(tmp_path, *few, "--images", "4000")
    environment = os.environ | {
        "SLURM_JOB_ID": "7",
        "SLURM_JOB_NAME": "run",
        "SLURM_NTASKS": "1",
        "PATH": scontrol(tmp_path, ""),
    }
    folder = tmp_path / "runs" / "run"

    job = start(*command[2:], cwd=tmp_path, env=environment)
    job.until((folder / "tensorboard").is_dir)  # it minds signals by then
    job.send(signal.SIGUSR1)
    job.done()

    assert "job 7 is queued again" in job.err
    assert (tmp_path / "asked").read_text() == "requeue 7\n"
    stopped = runs.read(folder)
    assert stopped.status == "interrupted by SIGUSR1"
    newest = checkpoints.newest(stopped.checkpoints)
    assert newest is not None
    assert int(newest.name) == stopped.facts["seen"] < 4000

    subprocess.run(command[2:], cwd=tmp_path, env=environment, check=True, capture_output=True)
    assert runs.read(folder).state is RunState.FINISHED
    assert runs.read(folder).id == stopped.id


def again(folder: Path, *more: str) -> subprocess.CompletedProcess[str]:
    command = [*GENBENCH, *TRAIN, "--set", "latent=16", "--images", "32", "--name", "run"]
    return subprocess.run(
        [*command, "--continue", *more], cwd=folder, capture_output=True, text=True, check=False
    )


@pytest.mark.slow
def test_continue_begins_goes_on_and_refuses_other_settings(tmp_path: Path) -> None:
    assert again(tmp_path, "--minutes", "0").returncode == 0
    run = runs.read(tmp_path / "runs" / "run")
    assert 0 < run.facts["seen"] < 32

    other = again(tmp_path, "--set", "lr=0.5")
    assert other.returncode == 2
    assert "was begun with lr 0.001, and 0.5 was asked for" in other.stderr

    for checkpoint in run.checkpoints.iterdir():  # as if it was killed before the first one
        shutil.rmtree(checkpoint)
    assert again(tmp_path).returncode == 0
    begun_anew = runs.read(tmp_path / "runs" / "run")
    assert begun_anew.id != run.id
    assert begun_anew.state is RunState.FINISHED
