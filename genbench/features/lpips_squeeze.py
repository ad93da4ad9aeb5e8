"""The space of LPIPS v0.1 over SqueezeNet: squared distances in it are LPIPS.

The backbone is torchvision's SqueezeNet 1.1 of ImageNet, the heads are those of the package
lpips. Seven layers count, of which the last five have one size.
"""

from __future__ import annotations

from pathlib import Path

import torch

from genbench.features import _lpips
from genbench.features._lpips_plan import HEADS, Conv, Fire, Plan, Pool
from genbench.interfaces import Network
from genbench.runtime.weights import WeightsFile

PLAN = Plan(
    name="lpips_squeeze",
    chains=(
        (Conv(0, stride=2, padding=0),),
        (Pool(3, ceil=True), Fire(3), Fire(4)),
        (Pool(3, ceil=True), Fire(6), Fire(7)),
        (Pool(3, ceil=True), Fire(9)),
        (Fire(10),),
        (Fire(11),),
        (Fire(12),),
    ),
    least=17,
    backbones=(
        WeightsFile(
            names=("squeezenet1_1-b8a52dc0.pth",),
            sha256="b8a52dc049b60e4b6ab68ad0df457362afab8b6304b2febdc1650a5dab4d7e7b",
            url="https://download.pytorch.org/models/squeezenet1_1-b8a52dc0.pth",
            size=4_958_839,
            origin="torchvision's SqueezeNet 1.1 IMAGENET1K_V1, BSD",
            gives="the backbone of LPIPS (SqueezeNet)",
        ),
    ),
    heads=WeightsFile(
        names=("lpips_v0.1_squeeze.pth", "squeeze.pth"),
        sha256="4a5350f23600cb79923ce65bb07cbf57dca461329894153e05a1346bd531cf76",
        url=f"{HEADS}/squeeze.pth",
        size=10_811,
        origin="LPIPS v0.1 of R. Zhang et al., BSD-2-Clause",
        gives="the heads of LPIPS (SqueezeNet)",
    ),
    packaged="weights/v0.1/squeeze.pth",
)


def load(*, weights_dir: Path | None, device: torch.device, download: bool = False) -> _lpips.Lpips:
    """The network with the files that are at hand; see `genbench.features.load`."""
    return _lpips.load(PLAN, weights_dir, device, download)


NETWORK = Network(load, _lpips.layers(PLAN), smallest=PLAN.least, floats=True)
