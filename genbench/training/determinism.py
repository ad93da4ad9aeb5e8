"""What one seed fixes, and what it does not."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator

import torch

CPU = "one seed gives one result, to the bit, on one kind of processor with one number of threads"
FREE = (
    "one seed fixes weights at the start, order of images, flips and noise; kernels that add with "
    "atomics or are chosen by measurement (convolutions backward, resampling backward, indexed "
    "adds) may add in another order, so runs of one seed part in the last digits: --deterministic"
)
FIXED = (
    "one seed gives one result on one kind of GPU with one version of CUDA: kernels that add in "
    "any order are not used, which costs speed"
)


def describe(device: torch.device, *, deterministic: bool) -> str:
    """One sentence for run.json."""
    if device.type == "cpu":
        return CPU
    return FIXED if deterministic else FREE


@contextlib.contextmanager
def enforce(*, deterministic: bool) -> Iterator[None]:
    """Only kernels that add in one order, for as long as the block lasts; see torch's notes."""
    if not deterministic:
        yield
        return
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # read when cuBLAS is first used
    before = torch.are_deterministic_algorithms_enabled(), torch.backends.cudnn.benchmark
    torch.use_deterministic_algorithms(True)
    torch.backends.cudnn.benchmark = False
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(before[0])
        torch.backends.cudnn.benchmark = before[1]
