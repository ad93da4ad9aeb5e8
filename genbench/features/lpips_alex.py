"""The space of LPIPS v0.1 over AlexNet: squared distances in it are LPIPS.

The backbone is torchvision's AlexNet of ImageNet, the heads are those of the package lpips.
"""

from __future__ import annotations

from pathlib import Path

import torch

from genbench.features import _lpips
from genbench.features._lpips_plan import HEADS, Conv, Plan, Pool
from genbench.interfaces import Network
from genbench.runtime.weights import WeightsFile

PLAN = Plan(
    name="lpips_alex",
    chains=(
        (Conv(0, stride=4, padding=2),),
        (Pool(3), Conv(3, padding=2)),
        (Pool(3), Conv(6)),
        (Conv(8),),
        (Conv(10),),
    ),
    least=31,
    backbones=(
        WeightsFile(
            names=("alexnet-imagenet-features.safetensors",),
            sha256="9f97fd313f4da83dbe6bbfbe6effca1241de9edfcd7c53386261ed9697286dd9",
            url=None,
            origin="torchvision's AlexNet IMAGENET1K_V1 without its classifier, BSD",
            gives="the backbone of LPIPS (AlexNet)",
        ),
        WeightsFile(
            names=("alexnet-owt-7be5be79.pth",),
            sha256="7be5be791159472b1fbf3c69796f7cb30dca7ad8466c2df70058c37116cdee02",
            url="https://download.pytorch.org/models/alexnet-owt-7be5be79.pth",
            size=244_408_911,
            origin="torchvision's AlexNet IMAGENET1K_V1, BSD",
            gives="the backbone of LPIPS (AlexNet)",
        ),
    ),
    heads=WeightsFile(
        names=("lpips_v0.1_alex.pth", "alex.pth"),
        sha256="df73285e35b22355a2df87cdb6b70b343713b667eddbda73e1977e0c860835c0",
        url=f"{HEADS}/alex.pth",
        size=6_009,
        origin="LPIPS v0.1 of R. Zhang et al., BSD-2-Clause",
        gives="the heads of LPIPS (AlexNet)",
    ),
    packaged="weights/v0.1/alex.pth",
)


def load(*, weights_dir: Path | None, device: torch.device, download: bool = False) -> _lpips.Lpips:
    """The network with the files that are at hand; see `genbench.features.load`."""
    return _lpips.load(PLAN, weights_dir, device, download)


NETWORK = Network(load, _lpips.layers(PLAN), smallest=PLAN.least, floats=True)
