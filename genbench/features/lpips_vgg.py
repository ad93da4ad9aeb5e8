"""The space of LPIPS v0.1 over VGG16: squared distances in it are LPIPS.

The backbone is torchvision's VGG16 of ImageNet, the heads are those of the package lpips.
"""

from __future__ import annotations

from pathlib import Path

import torch

from genbench.features import _lpips
from genbench.features._lpips_plan import HEADS, Conv, Plan, Pool
from genbench.interfaces import Network
from genbench.runtime.weights import WeightsFile

PLAN = Plan(
    name="lpips_vgg",
    chains=(
        (Conv(0), Conv(2)),
        (Pool(2), Conv(5), Conv(7)),
        (Pool(2), Conv(10), Conv(12), Conv(14)),
        (Pool(2), Conv(17), Conv(19), Conv(21)),
        (Pool(2), Conv(24), Conv(26), Conv(28)),
    ),
    least=16,
    backbones=(
        WeightsFile(
            names=("vgg16-imagenet-features.safetensors",),
            sha256="cabd922aeb0dd6d56f2bed33221aee74b7f1e760ddd105c0e0891606cbab6d0d",
            url=None,
            origin="torchvision's VGG16 IMAGENET1K_V1 without its classifier, BSD",
            gives="the backbone of LPIPS (VGG16)",
        ),
        WeightsFile(
            names=("vgg16-397923af.pth",),
            sha256="397923af8e79cdbb6a7127f12361acd7a2f83e06b05044ddf496e83de57a5bf0",
            url="https://download.pytorch.org/models/vgg16-397923af.pth",
            size=553_433_881,
            origin="torchvision's VGG16 IMAGENET1K_V1, BSD",
            gives="the backbone of LPIPS (VGG16)",
        ),
    ),
    heads=WeightsFile(
        names=("lpips_v0.1_vgg.pth", "vgg.pth"),
        sha256="a78928a0af1e5f0fcb1f3b9e8f8c3a2a5a3de244d830ad5c1feddc79b8432868",
        url=f"{HEADS}/vgg.pth",
        size=7_289,
        origin="LPIPS v0.1 of R. Zhang et al., BSD-2-Clause",
        gives="the heads of LPIPS (VGG16)",
    ),
    packaged="weights/v0.1/vgg.pth",
)


def load(*, weights_dir: Path | None, device: torch.device, download: bool = False) -> _lpips.Lpips:
    """The network with the files that are at hand; see `genbench.features.load`."""
    return _lpips.load(PLAN, weights_dir, device, download)


NETWORK = Network(load, _lpips.layers(PLAN), smallest=PLAN.least, floats=True)
