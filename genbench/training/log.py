"""What training says while it runs: TensorBoard events, and the note beside the progress bar."""

from __future__ import annotations

import contextlib
import math
import resource
import sys
import time
import warnings
from collections.abc import Container, Iterator, Mapping, Sequence

import torch
from torch import Tensor
from torch.utils.tensorboard import SummaryWriter

from genbench.interfaces import Stage, Tensors
from genbench.runs import Run
from genbench.runtime.atomic import full_disk_is_an_error
from genbench.training import parallel


class Log:
    """TensorBoard events of a run; rows later than where it goes on are withdrawn."""

    def __init__(self, run: Run, seen: int, device: torch.device, loggers: Container[str]) -> None:
        """Go on after *seen* images; without the logger tensorboard nothing is written."""
        self.folder, self.device = run.folder, device
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # of tensorboard's own imports
            self._writer = (
                SummaryWriter(str(run.folder / "tensorboard"), purge_step=seen or None)
                if parallel.first() and "tensorboard" in loggers
                else None
            )
        self._last = (seen, time.monotonic())

    def close(self) -> None:
        if self._writer is not None:
            self._writer.close()

    def row(self, scalars: Mapping[str, float], stage: Stage, seen: int) -> str:
        """Write a row of a model's scalars; returns the note for the progress bar."""
        now = time.monotonic()
        rate = (seen - self._last[0]) / max(now - self._last[1], 1e-9)
        self._last = (seen, now)
        memory = memory_used(self.device)
        about = {
            "alpha": stage.alpha,
            "resolution": float(stage.resolution),
            "images_per_second": rate,
            "memory_gib": memory,
        }
        self.scalars({**scalars, **about}, seen)
        shown = [f"{name} {scalars[name]:.3f}" for name in list(scalars)[:3]]
        return "  ".join([where(stage), f"{memory:.1f} GiB", *shown])

    def scalars(self, values: Mapping[str, float], seen: int) -> None:
        """Write numbers under their names."""
        with self._disk():
            for name, value in values.items():
                if self._writer is not None:
                    self._writer.add_scalar(name, value, seen)

    def sheets(self, sheets: Mapping[str, Tensor], seen: int) -> None:
        """Write sheets of images, uint8 (3, h, w), by name."""
        with self._disk():
            for name, sheet in sheets.items():
                if self._writer is not None:
                    self._writer.add_image(name, sheet.numpy(), seen)

    @contextlib.contextmanager
    def _disk(self) -> Iterator[None]:
        with full_disk_is_an_error(self.folder):
            yield


def where(stage: Stage) -> str:
    """Phase and fade, for the progress bar."""
    return f"{stage.name}  alpha {stage.alpha:.2f}"


def to_numbers(scalars: Tensors) -> dict[str, float]:
    """Scalars of a step as numbers, means over all processes.

    In one transfer: a wait for each would stall a GPU.
    """
    if not scalars:
        return {}
    values = parallel.mean(torch.stack([value.detach().float() for value in scalars.values()]))
    return dict(zip(scalars, values.tolist(), strict=True))


def not_finite(row: Mapping[str, float]) -> Sequence[str]:
    """Names of what is not a number any more."""
    return [name for name, value in row.items() if not math.isfinite(value)]


def memory_used(device: torch.device) -> float:
    """GiB: of a GPU the most that tensors have taken, else the most that the process has had."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 2**30
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**30
