"""Processes that share one piece of work: who they are, what each does, how they agree.

Work goes from one point where all meet to the next. What fails on the way is told at the
next meeting, so that no process waits for one that has left. All talk is through the
memory of the host: what is told is small, or wanted there anyway.
"""

from __future__ import annotations

import contextlib
import importlib
import logging
import os
import sys
import time
from collections.abc import Iterator
from typing import Any, TypeVar

import torch
import torch.distributed as dist

from genbench.distributed import PATIENCE
from genbench.errors import BadSetting, GenbenchError
from genbench.runtime.seeds import BLOCK

T = TypeVar("T")
END = "genbench/end"  # under which a process that fails leaves its reason
HEARD = "genbench/heard"  # how many know
# In what gloo, NCCL and torch say when another process is gone.
LOST = ("onnection", "gloo", "NCCL", "ProcessGroup", "DistStore", "Broken pipe")


class FirstDied(GenbenchError):
    """The first process is gone, and with it whatever it might have said."""


DIED = "another process has died; see its messages"


class OthersEnd(Exception):
    """Another process has failed in a way that ends all; its message is the text of this."""


def count() -> int:
    """How many processes work together; 1 without a process group."""
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def rank() -> int:
    """Which of them this is: the first, 0, prints, writes and keeps."""
    return dist.get_rank() if count() > 1 else 0


def local_rank() -> int:
    """Which of the processes on this machine it is."""
    return int(os.environ.get("LOCAL_RANK", os.environ.get("SLURM_LOCALID", "0")))


def share(n: int) -> range:
    """The rows of 0..n that are this process's own: whole blocks, as nearly equal as can be."""
    blocks = -(-n // BLOCK)
    start, stop = (blocks * at // count() * BLOCK for at in (rank(), rank() + 1))
    return range(min(start, n), min(stop, n))


# --- agreement --------------------------------------------------------------------------


def everyone(mine: T) -> list[T]:
    """What each process says, in the order of ranks. All must ask.

    Raises:
        OthersEnd: a process has failed.
    """
    if count() == 1:
        return [mine]
    answers = _tell((mine, None))
    for other, (_, end) in enumerate(answers):
        if end is not None and other != rank():
            raise OthersEnd(end)
    return [answer for answer, _ in answers]


@contextlib.contextmanager
def agreed() -> Iterator[None]:
    """Work that fails in every process where it fails in one. All meet at its end.

    Raises:
        GenbenchError: as raised here, or with the words of the first process that failed.
    """
    error: GenbenchError | None = None
    try:
        yield
    except GenbenchError as failure:
        error = failure
    answers = everyone(None if error is None else str(error))
    if error is not None:
        raise error
    for text in answers:
        if text is not None:
            raise GenbenchError(text)


@contextlib.contextmanager
def together(devices: int, device: torch.device) -> Iterator[torch.device]:
    """Work that ends in every process as it ends in one; gives the device of this process.

    Args:
        devices: processes on this machine, one for each device. Those that torchrun or SLURM
            has started are used; where there are none, this program is started so often.
        device: its type counts.

    Raises:
        BadSetting: another number of processes is there, or too few devices.
        GenbenchError: what ended another process.
    """
    own = launch(devices, device)
    try:
        yield own
    except OthersEnd as end:
        raise GenbenchError(str(end)) from None
    except Exception as error:
        if count() > 1:
            words = (
                str(error) if isinstance(error, GenbenchError) else f"process {rank()}: {error!r}"
            )
            with contextlib.suppress(OthersEnd):  # it has heard of another end, or tells nobody
                _tell((None, words))
        raise


def end_of_another(error: Exception) -> GenbenchError | None:
    """For work that meets without `everyone`, as training does: why it failed, if not here.

    What failed here is left where the others find it once the connection is closed.

    Returns:
        What ended another process, in its words; None where *error* is this one's own.
    """
    if isinstance(error, OthersEnd) and error.__cause__ is None:
        return GenbenchError(str(error))
    if count() == 1:
        return None
    lost = isinstance(error, OthersEnd) or (
        isinstance(error, RuntimeError) and any(word in str(error) for word in LOST)
    )
    words = DIED
    try:
        store = dist.distributed_c10d._get_default_store()  # it lies with the first process
        if not lost:
            own = str(error) if isinstance(error, GenbenchError) else f"process {rank()}: {error!r}"
            store.set(END, own)
        elif store.check([END]):
            words = str(store.get(END).decode())
        store.add(HEARD, 1)
        if rank() == 0:
            _await_others(store, count())
    except RuntimeError:
        return FirstDied("the first process has died; see its messages") if lost else None
    return GenbenchError(words) if lost else None


def speaks(error: GenbenchError) -> bool:
    """Whether this process says what ended all: the first, or the second where that has died."""
    return rank() == (1 if isinstance(error, FirstDied) else 0)


def _await_others(store: Any, everyone: int) -> None:
    """Close the connections, but stay a little: the others still want to read why."""
    if dist.get_backend() == "gloo":  # NCCL could wait for those who wait for this process
        dist.destroy_process_group()
    limit = time.monotonic() + 3
    while store.add(HEARD, 0) < everyone and time.monotonic() < limit:
        time.sleep(0.02)


def _tell(mine: tuple[Any, str | None]) -> list[tuple[Any, str | None]]:
    answers: list[Any] = [None] * count()
    try:
        dist.all_gather_object(answers, mine)
    except RuntimeError as error:
        raise OthersEnd(DIED) from error
    return answers


# --- start ------------------------------------------------------------------------------


def launch(
    devices: int, device: torch.device, *, nodes: int | None = None, backend: str = "gloo"
) -> torch.device:
    """Join the other processes, or start them; the device that this one is to work on.

    Args:
        devices: processes on each machine.
        device: its type counts.
        nodes: machines; None for as many as the processes that were started fill.
        backend: of torch.distributed, for the first talk of all processes.

    Raises:
        BadSetting: another number of processes is there, or too few devices.
    """
    _check(devices, device, nodes)
    if _started() == 1 and devices * (nodes or 1) == 1:
        return device
    fabric_module: Any = importlib.import_module("lightning_fabric")
    strategies: Any = importlib.import_module("lightning_fabric.strategies")
    logging.getLogger("lightning_fabric").setLevel(logging.WARNING)  # it greets, in ten lines
    _let_observer_speak()
    try:
        fabric = fabric_module.Fabric(
            accelerator=device.type,
            devices=devices,
            num_nodes=max(1, _started() // devices),
            strategy=strategies.DDPStrategy(process_group_backend=backend, timeout=PATIENCE),
        )
        fabric.launch()
    except ValueError as error:  # Fabric's MisconfigurationException is not one: that is a bug
        raise BadSetting(f"--devices {devices}: {error}") from error
    own: torch.device = fabric.device
    return own


def _let_observer_speak() -> None:
    """Fabric kills this process where one that it started has died: not without a line."""
    log = logging.getLogger("lightning_fabric.strategies.launchers.subprocess_script")
    if not log.handlers:
        log.addHandler(_LastWords())
        log.setLevel(logging.INFO)
        log.propagate = False


class _LastWords(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        """Say in our words what Fabric says in its own."""
        if "terminated with code" in record.getMessage():
            sys.stderr.write(f"genbench: {DIED}\n")
            sys.stderr.flush()


def _check(devices: int, device: torch.device, nodes: int | None) -> None:
    for name, number in (("devices", devices), ("nodes", nodes)):
        if number is not None and number < 1:
            raise BadSetting(f"--{name} must be at least 1, got {number}")
    started = _started()
    if nodes is not None and started > 1 and started != devices * nodes:
        raise BadSetting(
            f"--devices {devices} --nodes {nodes} are {devices * nodes} processes, but {started} "
            "were started; let torchrun or srun start as many, or say how many there are"
        )
    if nodes is not None and nodes > 1 and started == 1:
        raise BadSetting(
            f"--nodes {nodes} was asked for, but this process is the only one; start one for each "
            "device with torchrun or srun; genbench train --slurm writes a batch script for that"
        )
    if nodes is None and started > 1 and (devices == 1 or started % devices):
        raise BadSetting(
            f"--devices {devices} was asked for, but {started} processes were started; "
            "say how many of them are on each machine"
        )
    if device.type == "cuda" and devices > torch.cuda.device_count():
        found = torch.cuda.device_count()
        raise BadSetting(f"--devices {devices} was asked for, but torch sees {found} GPUs here")
    if devices > 1 and started == 1 and hasattr(sys, "ps1"):
        raise BadSetting(
            f"--devices {devices} starts this program {devices} times, and here is none; "
            "use the genbench command, or a script"
        )


def _started() -> int:
    """Processes that torchrun, SLURM or an earlier call here has started."""
    if "WORLD_SIZE" in os.environ:
        return int(os.environ["WORLD_SIZE"])
    if os.environ.get("SLURM_JOB_NAME") in ("bash", "interactive"):
        return 1
    return int(os.environ.get("SLURM_NTASKS", "1"))
