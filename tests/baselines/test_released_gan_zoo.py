"""Weights of pytorch_GAN_zoo's progressive GAN give the functions of its code."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from draws import rng
from released import Weights, close, drawn, save
from torch import Tensor

import genbench
from genbench.errors import BadInput
from genbench.training.import_weights import import_run

# --- pytorch_GAN_zoo's progressive GAN


def zoo(seed: int) -> tuple[Weights, Weights]:
    """Its generator and discriminator for 8x8 with 8 and 4 feature maps and 8 latents."""
    g = {
        "formatLayer": (8 * 16, 8),
        "groupScale0.0": (8, 8, 3, 3),
        "scaleLayers.0.0": (4, 8, 3, 3),
        "scaleLayers.0.1": (4, 4, 3, 3),
        "toRGBLayers.0": (3, 8, 1, 1),
        "toRGBLayers.1": (3, 4, 1, 1),
    }
    d = {
        "fromRGBLayers.0": (8, 3, 1, 1),
        "fromRGBLayers.1": (4, 3, 1, 1),
        "scaleLayers.0.0": (4, 4, 3, 3),
        "scaleLayers.0.1": (8, 4, 3, 3),
        "groupScaleZero.0": (8, 9, 3, 3),
        "groupScaleZero.1": (8, 8 * 16),
        "decisionLayer": (1, 8),
    }
    both = []
    for shapes in (g, d):
        whole = {f"{name}.weight": shape for name, shape in shapes.items()}
        both.append(drawn(whole | {f"{n}.bias": (s[0],) for n, s in shapes.items()}, seed))
    return both[0], both[1]


def layer(w: Weights, name: str, x: Tensor) -> Tensor:
    """All that comes out is scaled, bias included."""
    weight = w[f"{name}.weight"]
    if weight.dim() == 2:
        out = F.linear(x, weight, w[f"{name}.bias"])
    else:
        out = F.conv2d(x, weight, w[f"{name}.bias"], padding=weight.shape[-1] // 2)
    return out * math.sqrt(2 / weight[0].numel())


def pixel_norm(x: Tensor) -> Tensor:
    return x * (x.square().mean(1, keepdim=True) + 1e-8).rsqrt()


def zoo_generated(w: Weights, z: Tensor) -> Tensor:
    x = F.leaky_relu(layer(w, "formatLayer", pixel_norm(z)), 0.2).view(len(z), -1, 4, 4)
    x = pixel_norm(F.leaky_relu(layer(w, "groupScale0.0", pixel_norm(x)), 0.2))
    x = F.interpolate(x, scale_factor=2)
    for number in (0, 1):
        x = pixel_norm(F.leaky_relu(layer(w, f"scaleLayers.0.{number}", x), 0.2))
    return layer(w, "toRGBLayers.1", x)


def zoo_judged(w: Weights, x: Tensor) -> Tensor:
    x = F.leaky_relu(layer(w, "fromRGBLayers.1", x), 0.2)
    for number in (0, 1):
        x = F.leaky_relu(layer(w, f"scaleLayers.0.{number}", x), 0.2)
    x = F.avg_pool2d(x, 2)
    spread = (x.var(0, correction=0) + 1e-8).sqrt().mean().expand(len(x), 1, 4, 4)
    x = F.leaky_relu(layer(w, "groupScaleZero.0", torch.cat([x, spread], 1)), 0.2)
    x = F.leaky_relu(layer(w, "groupScaleZero.1", x.flatten(1)), 0.2)
    return layer(w, "decisionLayer", x)[:, 0]


def test_a_gan_zoo_checkpoint_gives_its_networks(tmp_path: Path) -> None:
    (average, judge), (live, _) = zoo(1), zoo(2)
    file = save(tmp_path / "pgan.pt", {"netG": live, "netD": judge, "avgG": average})
    settings = {
        "latent": 8,
        "fmap_base": 16,
        "fmap_max": 8,
        "untied_bias": True,
        "pool_first": False,
        "batches": [4] * 9,
    }
    run = import_run(
        "proggan", [file], name="zoo", settings=settings, resolution=8, runs_dir=tmp_path
    )
    found: Any = genbench.load(run.folder)
    raw: Any = genbench.load(run.folder, average=False)
    z, images = (
        torch.randn(4, 8, generator=rng(9)),
        torch.rand(4, 3, 8, 8, generator=rng(10)) * 2 - 1,
    )

    close(found.decode(z), zoo_generated(average, z))
    close(raw.decode(z), zoo_generated(live, z))
    close(found.discriminator.judge(images, 1)[0], zoo_judged(judge, images))
    with pytest.raises(BadInput, match="add --set untied_bias=true"):
        import_run(
            "proggan",
            [file],
            name="tied",
            settings=settings | {"untied_bias": False},
            resolution=8,
            runs_dir=tmp_path,
        )
