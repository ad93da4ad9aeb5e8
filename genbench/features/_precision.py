"""Float32 arithmetic that stays float32, whatever the rest of the program allows."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import torch
from torch import backends

_KINDS: tuple[Any, ...] = (
    backends.cuda.matmul,
    backends.cudnn.conv,  # type: ignore[attr-defined]  # torch puts it there at run time
    backends.mkldnn.matmul,  # type: ignore[attr-defined]  # likewise
    backends.mkldnn.conv,  # type: ignore[attr-defined]  # likewise
)


@contextlib.contextmanager
def full_float32() -> Iterator[None]:
    """No TF32, no bfloat16 inside float32 products; what was set before comes back.

    TF32 keeps 10 bits of a factor: features, and every score made of them, would then
    depend on the GPU.
    """
    matmul = _matmul_precision()
    saved = [(kind, kind.fp32_precision) for kind in _KINDS]
    # torch keeps two sets of switches and refuses to multiply while they disagree.
    torch.set_float32_matmul_precision("highest")
    for kind in _KINDS:
        kind.fp32_precision = "ieee"
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(matmul)
        for kind, precision in saved:
            kind.fp32_precision = precision


def _matmul_precision() -> str:
    try:
        return torch.get_float32_matmul_precision()
    except RuntimeError:  # set by the newer switches alone, which `saved` holds
        return "highest"
