"""Backbones of LPIPS as plans, and the files that hold their weights.

A backbone is the convolutional part of a network that torchvision publishes. The linear
heads, one number a channel, are in the package lpips, which is only looked into.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TypeAlias

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from genbench.errors import MissingWeights, WrongWeights
from genbench.runtime import atomic
from genbench.runtime.weights import WeightsFile, find

HEADS = "https://github.com/richzhang/PerceptualSimilarity/raw/master/lpips/weights/v0.1"


@dataclass(frozen=True)
class Conv:
    """Convolution and ReLU; *index* is its place in torchvision's ``features``."""

    index: int
    stride: int = 1
    padding: int = 1


@dataclass(frozen=True)
class Pool:
    """Maximum over *size* x *size*, stride 2."""

    size: int
    ceil: bool = False  # windows that reach over the border count too


@dataclass(frozen=True)
class Fire:
    """SqueezeNet's module: a 1x1 convolution, then 1x1 and 3x3 side by side, ReLU after each."""

    index: int


Chain: TypeAlias = tuple[Conv | Pool | Fire, ...]


@dataclass(frozen=True)
class Plan:
    """A backbone: which layers count, and the files that hold its weights."""

    name: str
    chains: tuple[Chain, ...]  # one a layer, each from the layer before
    least: int  # pixels, the smallest side that reaches the last layer
    backbones: tuple[WeightsFile, ...]  # the first that is at hand is taken
    heads: WeightsFile
    packaged: str  # where the package lpips holds the heads


def build(chain: Chain, weights: Mapping[str, Tensor]) -> nn.Sequential:
    """The steps as modules, with weights by torchvision's names."""
    modules: list[nn.Module] = []
    for step in chain:
        if isinstance(step, Pool):
            modules.append(nn.MaxPool2d(step.size, stride=2, ceil_mode=step.ceil))
        elif isinstance(step, Fire):
            modules.append(_Fire(f"features.{step.index}", weights))
        else:
            conv = _convolution(f"features.{step.index}", weights, step.stride, step.padding)
            modules += [conv, nn.ReLU(inplace=True)]
    return nn.Sequential(*modules).eval()


def tensors(chain: Chain) -> Iterator[str]:
    """Names of the tensors that `build` reads for a chain."""
    for step in chain:
        if isinstance(step, Pool):
            continue
        parts = (".squeeze", ".expand1x1", ".expand3x3") if isinstance(step, Fire) else ("",)
        for part in parts:
            yield from (f"features.{step.index}{part}.{kind}" for kind in ("weight", "bias"))


class _Fire(nn.Module):
    """See `Fire`."""

    def __init__(self, name: str, weights: Mapping[str, Tensor]) -> None:
        super().__init__()
        self.squeeze = _convolution(f"{name}.squeeze", weights)
        self.small = _convolution(f"{name}.expand1x1", weights)
        self.large = _convolution(f"{name}.expand3x3", weights, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """(n, c, h, w) -> (n, 2 e, h, w)."""
        narrow = self.squeeze(x).relu_()
        return torch.cat([self.small(narrow), self.large(narrow)], 1).relu_()


def _convolution(
    name: str, weights: Mapping[str, Tensor], stride: int = 1, padding: int = 0
) -> nn.Conv2d:
    kernel = weights[f"{name}.weight"]
    out, into, side, _ = kernel.shape
    with torch.device("meta"):  # nothing is drawn only to be replaced
        conv = nn.Conv2d(into, out, side, stride, padding)
    conv.weight = nn.Parameter(kernel, requires_grad=False)
    conv.bias = nn.Parameter(weights[f"{name}.bias"], requires_grad=False)
    return conv


def find_heads(plan: Plan, weights_dir: Path | None, download: bool) -> Path:
    """The file of the heads: from a folder of weights, the package lpips, or the network."""
    try:
        return find((plan.heads,), weights_dir)[1]
    except MissingWeights as error:
        path = packaged(plan)
        if path is not None:
            return path
        if download:
            return find((plan.heads,), weights_dir, download=True)[1]
        raise MissingWeights(f"{error}; or: pip install lpips, which carries it") from None


def packaged(plan: Plan) -> Path | None:
    """The heads inside the package lpips, which is not imported: it would load torchvision."""
    spec = find_spec("lpips")
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        path = Path(folder) / plan.packaged
        if path.is_file():
            if (digest := atomic.sha256(path)) != plan.heads.sha256:
                raise WrongWeights(
                    f"{plan.packaged} of the package lpips has sha256 {digest}, wanted "
                    f"{plan.heads.sha256}; pip install --force-reinstall lpips==0.1.4"
                )
            return path
    return None


def read(path: Path) -> dict[str, Tensor]:
    """Tensors by name, of either kind of file, on the CPU."""
    if path.suffix == ".safetensors":
        return load_file(path)
    weights: dict[str, Tensor] = torch.load(path, map_location="cpu", weights_only=True)
    return weights
