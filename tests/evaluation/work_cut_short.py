"""Run by tests/evaluation/test_journal.py: the command, whose last model may end its process."""

from __future__ import annotations

import os
import signal
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from genbench.cli import main
from genbench.data import open_dataset
from genbench.distributed import group
from genbench.evaluation import candidates


class Inverse:
    """Reconstructs with an offset, or sends a signal to its own process instead."""

    def __init__(self, offset: float, trouble: str = "none") -> None:
        self.offset, self.trouble = offset, trouble

    def encode(self, images: Tensor) -> Tensor:
        return images.flatten(1)

    def decode(self, latents: Tensor) -> Tensor:
        if self.trouble != "none" and group.rank() == 0:
            os.kill(os.getpid(), getattr(signal, self.trouble))
        return latents.reshape(-1, 3, 16, 16) + self.offset


def run(table: Path, trouble: str, devices: str) -> None:
    """As `genbench evaluate` does, of three objects in the place of runs."""
    models = {"a": Inverse(0.1), "b": Inverse(0.2), "c": Inverse(0.3, trouble)}
    find = candidates.find_candidates

    def found(_models: Any, *rest: Any) -> Any:
        return find(models, *rest)

    api: Any = import_module("genbench.evaluation.api")
    api.find_candidates = found
    open_dataset("toyfaces:60", 16)
    options = ["--metrics", "rmse", "--pairs", "10", "--data", "toyfaces:60", "--resolution", "16"]
    main(["evaluate", *options, "--table", str(table), "--device", "cpu", "--devices", devices])


if __name__ == "__main__":
    torch.set_num_threads(1)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background ignores it
    run(Path(sys.argv[1]), sys.argv[2], sys.argv[3])
