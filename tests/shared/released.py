"""Weights as others save them, drawn, and how near two results must be."""

from __future__ import annotations

from collections import OrderedDict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

Weights = OrderedDict[str, Tensor]


def drawn(shapes: dict[str, tuple[int, ...]], seed: int, prefix: str = "") -> Weights:
    """Random tensors of these shapes; a running variance is positive."""
    rng = torch.Generator().manual_seed(seed)
    return OrderedDict(
        (
            prefix + name,
            torch.randn(shape, generator=rng).abs() + 0.5
            if name.endswith("var")
            else torch.randn(shape, generator=rng) * 0.3,
        )
        for name, shape in shapes.items()
    )


def save(path: Path, value: Any) -> str:
    torch.save(value, path)
    return str(path)


def close(a: Tensor, b: Tensor) -> None:
    torch.testing.assert_close(a, b, rtol=1e-3, atol=1e-4)
