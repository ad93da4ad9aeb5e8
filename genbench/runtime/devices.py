"""Which device to work on, and how its arithmetic is kept exact."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import torch
from torch import backends

from genbench.errors import BadSetting

_KINDS: tuple[Any, ...] = (
    backends.cuda.matmul,
    backends.cudnn.conv,  # type: ignore[attr-defined]  # torch puts it there at run time
    backends.mkldnn.matmul,  # type: ignore[attr-defined]  # likewise
    backends.mkldnn.conv,  # type: ignore[attr-defined]  # likewise
)


def choose(name: str = "auto") -> torch.device:
    """The device called *name*; "auto" is the first GPU, or the CPU where there is none.

    Raises:
        BadSetting: no such device here.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError:
        raise BadSetting(f"no device is called {name!r}; use auto, cpu, cuda or cuda:1") from None
    if device.type == "cuda":
        found = torch.cuda.device_count()
        if (device.index or 0) >= found:
            raise BadSetting(
                f"{name} was asked for, but torch sees {found} GPUs here; "
                "use --device cpu, or install a torch built for your GPU"
            )
    elif device.type != "cpu":
        raise BadSetting(f"genbench runs on cpu and cuda, not on {device.type}")
    return device


def upload(rows: torch.Tensor, device: torch.device) -> torch.Tensor:
    """Rows of the CPU on *device*; a GPU fetches them while the host goes on."""
    if device.type == "cuda":
        return rows.pin_memory().to(device, non_blocking=True)
    return rows.to(device)


@contextlib.contextmanager
def full_float32() -> Iterator[None]:
    """No TF32, no bfloat16 inside float32 products; what was set before comes back.

    TF32 keeps 10 bits of a factor: features, and every score made of them, would then
    depend on the GPU.
    """
    with _products("ieee", "highest"):
        yield


@contextlib.contextmanager
def tensor_float32() -> Iterator[None]:
    """TF32 for products and convolutions of float32, where a GPU has it; the opposite of above."""
    with _products("tf32", "high"):
        yield


@contextlib.contextmanager
def bfloat16(device: torch.device) -> Iterator[None]:
    """Products and convolutions in bfloat16, everything else, and all weights, in float32.

    What is left of products in float32 is TF32. Autocast's cache of converted weights is off:
    it would hand an optimiser's old weights to whatever follows the update in the same step.
    """
    with tensor_float32(), torch.autocast(device.type, torch.bfloat16, cache_enabled=False):
        yield


@contextlib.contextmanager
def _products(precision: str, matmul: str) -> Iterator[None]:
    before = _matmul_precision()
    saved = [(kind, kind.fp32_precision) for kind in _KINDS]
    # torch keeps two sets of switches and refuses to multiply while they disagree.
    torch.set_float32_matmul_precision(matmul)
    for kind in _KINDS:
        kind.fp32_precision = precision
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)
        for kind, old in saved:
            kind.fp32_precision = old


def _matmul_precision() -> str:
    try:
        return torch.get_float32_matmul_precision()
    except RuntimeError:  # set by the newer switches alone, which `saved` holds
        return "highest"
