"""The Inception network of 2015-12-05 as a plan: names, strides and branches as data.

C. Szegedy et al., "Rethinking the Inception Architecture for Computer Vision", CVPR 2016,
arXiv:1512.00567, as it stands in Google's graph inception-2015-12-05. That graph differs
from later copies of the network: averages leave the padding out, and the pool of Mixed_7c
takes the maximum. Kernel sizes and channels are those of the weights.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import torch
from torch import Tensor, nn

EPS = 1e-3  # of every batch norm


class Pool(enum.Enum):
    """Pooling over 3x3 pixels."""

    AVERAGE = enum.auto()  # same size; the padding is not counted
    MAX = enum.auto()  # same size
    HALVE = enum.auto()  # maximum, stride 2, no padding


@dataclass(frozen=True)
class Conv:
    """Convolution, batch norm, ReLU."""

    name: str  # in the weights file
    stride: int = 1
    padded: bool = True  # so that stride 1 keeps the size


@dataclass(frozen=True)
class Fork:
    """Branches over one input, their channels side by side."""

    branches: tuple[Chain, ...]


Step: TypeAlias = Conv | Pool | Fork
Chain: TypeAlias = tuple[Step, ...]


def _convs(block: str, *names: str) -> Chain:
    return tuple(Conv(f"{block}.{name}") for name in names)


def _halving(block: str, name: str) -> Conv:
    return Conv(f"{block}.{name}", stride=2, padded=False)


def _pooled(block: str, pool: Pool = Pool.AVERAGE) -> Chain:
    return (pool, Conv(f"{block}.branch_pool"))


def _a(block: str) -> Fork:
    return Fork(
        (
            _convs(block, "branch1x1"),
            _convs(block, "branch5x5_1", "branch5x5_2"),
            _convs(block, "branch3x3dbl_1", "branch3x3dbl_2", "branch3x3dbl_3"),
            _pooled(block),
        )
    )


def _b(block: str) -> Fork:
    return Fork(
        (
            (_halving(block, "branch3x3"),),
            (
                *_convs(block, "branch3x3dbl_1", "branch3x3dbl_2"),
                _halving(block, "branch3x3dbl_3"),
            ),
            (Pool.HALVE,),
        )
    )


def _c(block: str) -> Fork:
    return Fork(
        (
            _convs(block, "branch1x1"),
            _convs(block, *(f"branch7x7_{i}" for i in range(1, 4))),
            _convs(block, *(f"branch7x7dbl_{i}" for i in range(1, 6))),
            _pooled(block),
        )
    )


def _d(block: str) -> Fork:
    return Fork(
        (
            (*_convs(block, "branch3x3_1"), _halving(block, "branch3x3_2")),
            (
                *_convs(block, *(f"branch7x7x3_{i}" for i in range(1, 4))),
                _halving(block, "branch7x7x3_4"),
            ),
            (Pool.HALVE,),
        )
    )


def _e(block: str, pool: Pool) -> Fork:
    def split(name: str) -> Fork:
        return Fork((_convs(block, f"{name}a"), _convs(block, f"{name}b")))

    return Fork(
        (
            _convs(block, "branch1x1"),
            (*_convs(block, "branch3x3_1"), split("branch3x3_2")),
            (*_convs(block, "branch3x3dbl_1", "branch3x3dbl_2"), split("branch3x3dbl_3")),
            _pooled(block, pool),
        )
    )


PLAN: Mapping[str, Chain] = {
    "64": (
        Conv("Conv2d_1a_3x3", stride=2, padded=False),
        Conv("Conv2d_2a_3x3", padded=False),
        Conv("Conv2d_2b_3x3"),
        Pool.HALVE,
    ),
    "192": (Conv("Conv2d_3b_1x1"), Conv("Conv2d_4a_3x3", padded=False), Pool.HALVE),
    "768": (
        *map(_a, ("Mixed_5b", "Mixed_5c", "Mixed_5d")),
        _b("Mixed_6a"),
        *map(_c, ("Mixed_6b", "Mixed_6c", "Mixed_6d", "Mixed_6e")),
    ),
    "2048": (_d("Mixed_7a"), _e("Mixed_7b", Pool.AVERAGE), _e("Mixed_7c", Pool.MAX)),
}  # layer -> the steps from the layer before; a layer's feature is the mean of its map


def convolutions(chain: Sequence[Step]) -> Iterator[Conv]:
    """Every convolution of a chain, branches included."""
    for step in chain:
        if isinstance(step, Conv):
            yield step
        elif isinstance(step, Fork):
            for branch in step.branches:
                yield from convolutions(branch)


def tensors(chain: Sequence[Step]) -> Iterator[str]:
    """Names of the tensors that `build` reads for a chain."""
    for conv in convolutions(chain):
        yield f"{conv.name}.conv.weight"
        for part in ("weight", "bias", "running_mean", "running_var"):
            yield f"{conv.name}.bn.{part}"


def build(chain: Sequence[Step], weights: Mapping[str, Tensor]) -> nn.Sequential:
    """The steps as modules, batch norm folded into the convolutions."""
    return nn.Sequential(*(module for step in chain for module in _modules(step, weights)))


class Branches(nn.Module):
    """A fork as a module."""

    def __init__(self, branches: Sequence[nn.Module]) -> None:
        super().__init__()
        self.branches = nn.ModuleList(branches)

    def forward(self, x: Tensor) -> Tensor:
        """(n, c, h, w) -> (n, sum of the branches' channels, h', w')."""
        return torch.cat([branch(x) for branch in self.branches], 1)


def _modules(step: Step, weights: Mapping[str, Tensor]) -> tuple[nn.Module, ...]:
    if isinstance(step, Conv):
        return _folded(step, weights), nn.ReLU(inplace=True)
    if isinstance(step, Fork):
        return (Branches([build(branch, weights) for branch in step.branches]),)
    if step is Pool.AVERAGE:
        return (nn.AvgPool2d(3, stride=1, padding=1, count_include_pad=False),)
    if step is Pool.MAX:
        return (nn.MaxPool2d(3, stride=1, padding=1),)
    return (nn.MaxPool2d(3, stride=2),)


def _folded(conv: Conv, weights: Mapping[str, Tensor]) -> nn.Conv2d:
    """Convolution and batch norm in one: w = v·g/√(s² + ε), b = β − m·g/√(s² + ε)."""

    def norm(name: str) -> Tensor:
        return weights[f"{conv.name}.bn.{name}"].double()

    kernel = weights[f"{conv.name}.conv.weight"].double()
    gain = norm("weight") / (norm("running_var") + EPS).sqrt()
    out, into, height, width = kernel.shape
    padding = ((height - 1) // 2, (width - 1) // 2) if conv.padded else (0, 0)
    folded = nn.Conv2d(into, out, (height, width), conv.stride, padding)
    folded.weight.data = (kernel * gain[:, None, None, None]).float()
    folded.bias = nn.Parameter((norm("bias") - norm("running_mean") * gain).float())
    return folded
