"""Settings of IntroVAE: those of its paper, of its released code, and ours for what they leave."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from genbench.interfaces import Preset

CELEBA, CELEBAHQ = 162_770, 29_000  # training images, the length of an epoch
SPLIT = "celeba-hq:split=introvae"
PAPER = "paper: coefficients of section 4, batch of table 1"
SCALED = "ours: beta scaled from the paper's, margin learned as its appendix advises"

TINY: Mapping[str, Any] = {  # for a CPU
    "latent": 32,
    "channels": (16, 32, 64),
    "batch": 32,
    "lr": 1e-3,
    "images": 40_000,
    "warmup": 8_000,
    "beta": 3.0,  # times the numbers in an image as published
    "generator_weight": 0.25,
    "margin": None,
}

TOYFACES: Mapping[str, Any] = {  # of the reference model: half an hour of a CPU's core
    **TINY,
    "images": 120_000,
    "warmup": 20_000,
}
QUICKSTART: Mapping[str, Any] = {**TINY, "images": 15_000, "warmup": 8_000}

PRESETS: Mapping[str, Preset] = {
    # The paper suggests one or two epochs of warm-up.
    "paper-128": Preset(
        {
            "latent": 256,
            "channels": (64, 128, 256, 512, 512),
            "batch": 64,
            "warmup": 2 * CELEBA,
            "beta": 0.5,
            "generator_weight": 0.25,
            "margin": 110.0,
        },
        data="celeba",
        resolution=128,
        source=PAPER,
    ),
    "paper-256": Preset(
        {"batch": 32, "warmup": 2 * CELEBAHQ, "generator_weight": 0.25},
        data=SPLIT,
        resolution=256,
        source=PAPER,
    ),
    "paper-1024": Preset(
        {
            "channels": (16, 32, 64, 128, 256, 512, 512, 512),
            "batch": 8,
            "warmup": 2 * CELEBAHQ,
            "beta": 0.0025,
            "generator_weight": 0.25,
            "margin": 90.0,
        },
        data=SPLIT,
        resolution=1024,
        source=PAPER,
    ),
    "code-256-a": Preset(
        {"channels": (32, 64, 128, 256, 512, 512)},
        data=SPLIT,
        resolution=256,
        source="released code: script for 256x256, without warm-up",
    ),
    "code-256-b": Preset(
        {
            "channels": (32, 64, 128, 256, 512, 512),
            "warmup": 10 * CELEBAHQ,
            "beta": 1.0,
            "margin": 1000.0,
        },
        data=SPLIT,
        resolution=256,
        source="released code: script for 256x256, with warm-up",
    ),
    "code-1024": Preset(
        {
            "channels": (16, 32, 64, 128, 256, 512, 512, 512),
            "batch": 12,
            "warmup": 3 * CELEBAHQ,
            "beta": 0.01,
            "encoder_weight": 0.5,
            "margin": 500.0,
        },
        data=SPLIT,
        resolution=1024,
        source="released code: script for 1024x1024",
    ),
    # Ours: beta times the numbers in an image as published, the margin as advised.
    "celeba-64": Preset(
        {"latent": 128, "batch": 64, "warmup": 2 * CELEBA, "beta": 1.0, "margin": None},
        data="celeba",
        resolution=64,
        source=SCALED,
    ),
    "cifar10-32": Preset(
        {"latent": 64, "batch": 64, "warmup": 100_000, "beta": 4.0, "margin": None},
        data="cifar10",
        resolution=32,
        source=SCALED,
    ),
    "toyfaces-32": Preset(
        TOYFACES, data="toyfaces", resolution=32, source="ours: what `genbench zoo` offers"
    ),
    "tiny": Preset(TINY, resolution=32),
    "quickstart": Preset(QUICKSTART, resolution=32),
    "smoke": Preset({**TINY, "images": 6_000, "warmup": 2_000}, resolution=32),
}
