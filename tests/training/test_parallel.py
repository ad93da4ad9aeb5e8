"""Training in several processes: the run of one, one end for all, and going on with others."""

from __future__ import annotations

import math
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from children import Child, Start
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


def genbench(start: Start, folder: Path, *arguments: str) -> Child:
    return start(sys.executable, "-m", "genbench", *arguments, cwd=folder)


def newest(run: runs.Run) -> Path:
    found = checkpoints.newest(run.checkpoints)
    assert found is not None
    return found


@pytest.mark.slow
def test_a_run_of_two_then_one_then_four_processes_is_the_run_of_one(
    start: Start, tmp_path: Path
) -> None:
    """Images, weights, table of codes."""
    genbench(start, tmp_path, *TRAIN, "--name", "alone").done()
    genbench(start, tmp_path, *TRAIN, "--name", "many", "--devices", "2", "--minutes", "0").done()
    many = runs.read(tmp_path / "runs" / "many")
    assert many.facts["processes"] == many.facts["devices"] == 2
    assert many.facts["seen"] == 12 * parallel.AGREE_EVERY

    resume = ["train", "--resume", str(many.folder), "--devices"]
    genbench(start, tmp_path, *resume, "1", "--minutes", "0").done()
    assert runs.read(many.folder).facts["seen"] == 12 * parallel.AGREE_EVERY + 12
    genbench(start, tmp_path, *resume, "4").done()

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


def second(first: Child) -> int:
    """The process that the first one has started, once it minds signals."""
    file = Path(f"/proc/{first.pid}/task/{first.pid}/children")
    found: list[int] = []

    def minds_signals() -> bool:
        started = [int(pid) for pid in file.read_text().split()]
        found[:] = [pid for pid in started if is_genbench(pid) and catches(pid)]
        return bool(found)

    first.until(minds_signals)
    return found[0]


def is_genbench(pid: int) -> bool:
    return b"genbench" in Path(f"/proc/{pid}/cmdline").read_bytes()


def catches(pid: int) -> bool:
    """Whether a process does something of its own about SIGTERM."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    facts = dict(line.split(":\t", 1) for line in lines)
    return bool(int(facts["SigCgt"], 16) >> (signal.SIGTERM - 1) & 1)


def at_work(run: Path, process: Child) -> None:
    """Until the run has drawn something: it minds signals by then, and its steps are next."""
    before = len(list((run / "tensorboard").glob("*")))
    process.until(lambda: len(list((run / "tensorboard").glob("*"))) > before)


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="looks for processes in /proc")
def test_a_signal_to_any_process_stops_all_at_a_checkpoint(start: Start, tmp_path: Path) -> None:
    long = [*TRAIN, "--name", "run", "--devices", "2"]
    long[long.index("--images") + 1] = "100000000"
    run = tmp_path / "runs" / "run"
    process = genbench(start, tmp_path, *long)
    at_work(run, process)
    os.kill(second(process), signal.SIGTERM)
    assert process.end() == 143
    stopped = runs.read(run)
    assert stopped.status == "interrupted by SIGTERM"
    assert int(newest(stopped).name) == stopped.facts["seen"]


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="looks for processes in /proc")
@pytest.mark.parametrize("victim", ["first", "second"])
def test_where_one_process_is_killed_all_end_with_a_line(
    start: Start, tmp_path: Path, victim: str
) -> None:
    long = [*TRAIN, "--name", "run", "--devices", "2"]
    long[long.index("--images") + 1] = "100000000"
    process = genbench(start, tmp_path, *long)
    at_work(tmp_path / "runs" / "run", process)
    other = second(process)

    os.kill(process.pid if victim == "first" else other, signal.SIGKILL)

    assert process.end() != 0
    while not gone(other):
        time.sleep(0.01)
    lines = [line for line in process.err.splitlines() if line.startswith("genbench: ")]
    assert any("process has died; see its messages" in line for line in lines), process.err


def gone(pid: int) -> bool:
    """Whether nothing but, at most, its exit code is left of a process."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


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
