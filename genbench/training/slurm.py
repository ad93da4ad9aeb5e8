"""SLURM: the batch script of a run, and going on after the scheduler has taken the machines back.

A minute or two before a job ends, and when it has to make room, SLURM signals its processes.
Training then stops at a checkpoint, asks for the job to be queued again, and the job, when it
starts anew, goes on from there.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from genbench.errors import BadSetting

WARNING = "USR1@120"  # seconds before the time limit: enough for a step and a checkpoint
PREEMPTED = (signal.SIGUSR1, signal.SIGTERM)
PATIENCE = 60  # seconds that scontrol may take


@dataclass(frozen=True, kw_only=True)
class Job:
    """What a batch script asks for."""

    name: str
    folder: Path  # where its log goes
    devices: int  # on each machine, a process each
    nodes: int
    gpus: bool  # whether the devices are GPUs
    options: Mapping[str, str] = field(default_factory=dict)  # of sbatch, over those that follow


def options(assignments: Sequence[str]) -> dict[str, str]:
    """Options of sbatch: "time=24:00:00", or "exclusive" for one without a value.

    Raises:
        BadSetting: not the name of an option, or more than a line.
    """
    found = {}
    for assignment in assignments:
        name, _, value = assignment.removeprefix("--").partition("=")
        if not re.fullmatch(r"[a-z][a-z-]*", name) or "\n" in value:
            raise BadSetting(
                f"--slurm-option {assignment!r}: wanted an option of sbatch and its value, such as "
                "partition=gpu or time=24:00:00"
            )
        found[name] = value
    return found


def script(job: Job, command: Sequence[str]) -> str:
    """A batch script.

    Args:
        job: what it asks for.
        command: arguments of genbench, which start the run or go on with it.
    """
    wanted = {
        "job-name": job.name,
        "nodes": str(job.nodes),
        "ntasks-per-node": str(job.devices),
        "output": str(job.folder / f"{job.name}.log"),
        "open-mode": "append",
        "signal": WARNING,
        "requeue": "",
    }
    if job.gpus and not any(name.startswith(("gpu", "gres")) for name in job.options):
        wanted["gpus-per-node"] = str(job.devices)
    lines = [
        f"#SBATCH --{name}" + (f"={shlex.quote(value)}" if value else "")
        for name, value in (wanted | dict(job.options)).items()
    ]
    # Only the environment of this Python knows genbench for sure.
    call = shlex.join([sys.executable, "-m", "genbench", *command])
    return "\n".join(
        [
            "#!/bin/bash",
            *lines,
            "set -eu",
            f"cd {shlex.quote(str(Path.cwd()))}",
            "# The same command starts the run and, when the job is queued again, goes on with it.",
            f"srun --kill-on-bad-exit=1 {call}",
            "",
        ]
    )


def warning_signals() -> tuple[signal.Signals, ...]:
    """Signals beside the usual ones that are to end training at a checkpoint: in a job, SIGUSR1."""
    return (signal.SIGUSR1,) if "SLURM_JOB_ID" in os.environ else ()


def requeue(by: signal.Signals | None) -> str:
    """Have the job queued again, if training ended because SLURM wants the machines.

    Args:
        by: the signal that has ended training, if one has.

    Returns:
        What there is to say; "" outside of a job, and where training ended for another reason.
    """
    job = os.environ.get("SLURM_JOB_ID")
    if job is None or by not in PREEMPTED:
        return ""
    again = "submit its script again to go on"
    if shutil.which("scontrol") is None:
        return f"scontrol is not on the PATH, so job {job} is not queued again; {again}"
    # scancel, too, sends SIGTERM.
    if by == signal.SIGTERM and "JobState=CANCELLED" in _scontrol("show", "job", job).stdout:
        return f"job {job} was cancelled, so it is not queued again; {again}"
    done = _scontrol("requeue", job)
    if done.returncode:
        return f"scontrol requeue {job} failed: {done.stderr.strip()}; {again}"
    return f"job {job} is queued again"


def _scontrol(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = ["scontrol", *arguments]
    try:
        return subprocess.run(
            command, capture_output=True, text=True, check=False, timeout=PATIENCE
        )
    except subprocess.TimeoutExpired:
        return subprocess.CompletedProcess(command, 1, "", f"no answer within {PATIENCE} s")
