"""Training in several processes: the run of one, one end for all, and going on with others."""

from __future__ import annotations

import math
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from genbench import runs
from genbench.distributed import BatchNorm2d, group
from genbench.errors import BadSetting
from genbench.interfaces import Stage
from genbench.runs import RunState, checkpoints
from genbench.training import parallel
from genbench.training.loader import Share

# Plain gradient descent: Adam makes a whole step of the rounding of a gradient that is nearly 0.
# 14 steps of 12 images and one of 7, which nobody shares.
TRAIN = [
    "train",
    "glo",
    "--data",
    "toyfaces:60",
    "--resolution",
    "8",
    "--device",
    "cpu",
    "--set",
    "base=4",
    "--set",
    "latent=4",
    "--set",
    "batch=12",
    "--images",
    "175",
    "--threads",
    "1",
]


def genbench(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "genbench", *arguments],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def done(process: subprocess.Popen[str]) -> str:
    """What a process that goes well says on standard error."""
    _, said = process.communicate(timeout=120)
    assert process.returncode == 0, said
    return said


def newest(run: runs.Run) -> Path:
    found = checkpoints.newest(run.checkpoints)
    assert found is not None
    return found


@pytest.mark.slow
def test_a_run_of_two_then_one_then_four_processes_is_the_run_of_one(tmp_path: Path) -> None:
    """Images, weights, table of codes."""
    done(genbench(tmp_path, *TRAIN, "--name", "alone"))
    done(genbench(tmp_path, *TRAIN, "--name", "many", "--devices", "2", "--minutes", "0"))
    many = runs.read(tmp_path / "runs" / "many")
    assert many.facts["processes"] == many.facts["devices"] == 2
    assert many.facts["seen"] == 12 * parallel.AGREE_EVERY

    resume = ["train", "--resume", str(many.folder), "--devices"]
    done(genbench(tmp_path, *resume, "1", "--minutes", "0"))
    assert runs.read(many.folder).facts["seen"] == 12 * parallel.AGREE_EVERY + 12
    done(genbench(tmp_path, *resume, "4"))

    alone, many = (runs.read(tmp_path / "runs" / name) for name in ("alone", "many"))
    assert many.state is RunState.FINISHED
    assert (many.facts["devices"], many.facts["nodes"], many.facts["processes"]) == (4, 1, 4)
    left, right = newest(alone), newest(many)
    assert sorted(p.name for p in left.iterdir()) == sorted(p.name for p in right.iterdir())
    wanted, found = (load_file(folder / checkpoints.MODEL) for folder in (left, right))
    assert wanted.keys() == found.keys()
    for name, value in wanted.items():
        # Sums in another order, 15 steps of plain descent at rate 1: a few hundred roundings.
        torch.testing.assert_close(found[name], value, rtol=1e-4, atol=1e-5, msg=name)
    states = [checkpoints.read(folder, training=True).random for folder in (left, right)]
    assert torch.equal(states[0]["training"], states[1]["training"])
    events = {
        folder.name: len(list((folder / "tensorboard").iterdir()))
        for folder in (alone.folder, many.folder)
    }
    assert events == {"alone": 1, "many": 3}  # one process writes, once each time


def child(process: subprocess.Popen[str]) -> int:
    """The process that *process* has started."""
    file = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    for _ in range(15000):
        found = file.read_text().split()
        for pid in found:
            if b"genbench" in Path(f"/proc/{pid}/cmdline").read_bytes():
                return int(pid)
        time.sleep(0.02)
    raise AssertionError("no second process was started")


def at_work(run: Path, process: subprocess.Popen[str]) -> None:
    """Until the run has drawn something, so that it is in the middle of its steps."""
    before = len(list((run / "tensorboard").glob("*")))
    while len(list((run / "tensorboard").glob("*"))) == before:
        assert process.poll() is None, process.communicate()
        time.sleep(0.05)
    time.sleep(0.5)


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="looks for processes in /proc")
def test_a_signal_to_any_process_stops_all_at_a_checkpoint(tmp_path: Path) -> None:
    long = [*TRAIN, "--name", "run", "--devices", "2"]
    long[long.index("--images") + 1] = "100000000"
    run = tmp_path / "runs" / "run"
    process = genbench(tmp_path, *long)
    at_work(run, process)
    os.kill(child(process), signal.SIGTERM)
    done(process)
    stopped = runs.read(run)
    assert stopped.status == "interrupted by SIGTERM"
    assert int(newest(stopped).name) == stopped.facts["seen"]


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="looks for processes in /proc")
@pytest.mark.parametrize("victim", ["first", "second"])
def test_where_one_process_is_killed_all_end_with_a_line(tmp_path: Path, victim: str) -> None:
    long = [*TRAIN, "--name", "run", "--devices", "2"]
    long[long.index("--images") + 1] = "100000000"
    process = genbench(tmp_path, *long)
    at_work(tmp_path / "runs" / "run", process)
    second = child(process)

    os.kill(process.pid if victim == "first" else second, signal.SIGKILL)
    _, said = process.communicate(timeout=60)  # ends when both have closed standard error

    assert process.returncode not in (0, None)
    lines = [line for line in said.splitlines() if line.startswith("genbench: ")]
    assert any("process has died; see its messages" in line for line in lines), said
    assert not Path(f"/proc/{second}").exists() or zombie(second)


def zombie(pid: int) -> bool:
    """Whether nothing but its exit code is left of a process."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"


@pytest.mark.parametrize(
    ("seen", "n", "share", "pieces"),
    [
        (5, 12, Share(), [(5, 12)]),
        (5, 12, Share(1, 3, 1), [(9, 4)]),
        # two parts of six images each, of which the second of three processes has two
        (0, 12, Share(2, 3, 1), [(2, 2), (8, 2)]),
        (0, 12, Share(2, 1, 0), [(0, 12)]),
    ],
)
def test_shares_are_stretches_of_each_part(
    seen: int, n: int, share: Share, pieces: list[tuple[int, int]]
) -> None:
    assert share.pieces(seen, n) == pieces


@pytest.mark.parametrize(
    ("count", "stage", "shown", "shares"),
    [
        (4, Stage("", 8, 1.0, 128), 128, 4),
        (8, Stage("", 8, 1.0, 4), 4, 4),
        (4, Stage("", 8, 1.0, 6), 6, 2),
        (4, Stage("", 8, 1.0, 128), 64, 1),  # the short last batch
        (4, Stage("", 8, 1.0, 12, updates=2), 12, 2),  # parts of 6
    ],
)
def test_as_many_processes_share_a_batch_as_divide_it(
    monkeypatch: pytest.MonkeyPatch, count: int, stage: Stage, shown: int, shares: int
) -> None:
    monkeypatch.setattr(group, "count", lambda: count)

    assert parallel.shares(stage, shown) == shares == math.gcd(shares, count)


class Growing:
    """Batches of 8 up to 80 images, then of 2."""

    seen = 0

    def stage(self, seen: int) -> Stage:
        return Stage("4x4", 4, 1.0, 8) if seen < 80 else Stage("8x8", 8, 1.0, 2)


def test_phases_that_leave_processes_without_work_of_their_own_are_said(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model: Any = Growing()
    assert parallel.idle(model, 100) == []
    monkeypatch.setattr(group, "count", lambda: 4)

    assert parallel.idle(model, 100) == [
        "8x8: a batch of 2 goes into 2 equal shares, so 4 processes are as fast as 2"
    ]


def test_a_batch_norm_of_torch_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    model: Any = torch.nn.Sequential(BatchNorm2d(2), torch.nn.BatchNorm2d(2))
    parallel.attach(model)  # alone it does no harm
    monkeypatch.setattr(group, "count", lambda: 2)

    with pytest.raises(BadSetting, match=r"1 of this model is a BatchNorm2d.*--devices 1"):
        parallel.attach(model)


@pytest.mark.parametrize(
    ("devices", "nodes", "environment", "words"),
    [
        (2, 0, {}, "--nodes must be at least 1"),
        (4, 2, {}, "this process is the only one; start one for each device with torchrun or srun"),
        (4, 1, {"WORLD_SIZE": "8"}, "--devices 4 --nodes 1 are 4 processes, but 8 were started"),
        (1, 1, {"SLURM_NTASKS": "2"}, "--devices 1 --nodes 1 are 1 processes, but 2 were started"),
    ],
)
def test_numbers_of_processes_that_do_not_fit_are_said(
    monkeypatch: pytest.MonkeyPatch,
    devices: int,
    nodes: int,
    environment: dict[str, str],
    words: str,
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)

    with pytest.raises(BadSetting, match=words):
        group.launch(devices, torch.device("cpu"), nodes=nodes)
