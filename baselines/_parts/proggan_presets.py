"""Published settings of ProgGAN, and small ones."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

Values: TypeAlias = Mapping[str, Any]

# The first version of the code, by which the paper's numbers were made.
FIRST: Values = {
    "stable_images": 800_000,
    "fade_images": 800_000,
    "batches": (16,) * 9,
    "stddev_group": 0,
    "pool_first": False,
}
REPELLING: Values = {"rr_on": "features", "rr_weight": 1.0}
TINY: Values = {  # for a CPU
    "latent": 32,
    "fmap_base": 256,
    "fmap_max": 32,
    "stable_images": 2_000,
    "fade_images": 2_000,
    "images": 28_000,
    "batches": (16,) * 9,
    # A phase has 125 steps where the published ones have 5 000, so they are longer.
    "lr": 1e-2,
    "average_decay": 0.99,
    # At full_resolution the small stages have no time to become as steep as they should.
    "gp_scale": "native",
}
SMOKE: Values = {**TINY, "stable_images": 1_000, "fade_images": 1_000, "images": 8_000}

# The report printed numbers of 1 462 000 images, where the networks still stood at 8x8.
REPORT: Mapping[str, Values] = {
    "report-wasserstein": {},
    "report-resblock-g": {"res_block_g": True},
    "report-resblock-d": {"res_block_d": True},
    "report-repelling": REPELLING,
    "report-repelling-resblock-g": {**REPELLING, "res_block_g": True},
    "report-repelling-resblocks": {**REPELLING, "res_block_g": True, "res_block_d": True},
    "report-least-squares": {"loss": "least_squares"},
    # A group of 4 has no tails worth a kurtosis.
    "report-statistics": {"statistics": ("std", "kurtosis", "skewness"), "stddev_group": 16},
}
PRESETS: Mapping[str, Values] = {
    "celeba-64": {},
    "celeba-128": {},
    "celebahq-128": {},
    "celebahq-1024": {
        **FIRST,
        "images": 19_000_000,
        "batches": (16, 16, 16, 16, 16, 16, 14, 6, 3),
        "lr_1024": 1e-3,
        "ramp_images": 40_000,
    },
    "celebahq-1024-second": {},  # the second version, on one GPU
    "lsun-256": {**FIRST, "images": 20_000_000},
    "cifar10-32": {
        **FIRST,
        "latent": 128,
        "fmap_base": 4096,
        "fmap_max": 128,
        "stable_images": 400_000,
        "fade_images": 400_000,
        "images": 20_000_000,
        "gp_target": 750.0,
        "simultaneous": True,
    },
    "ablation-128": {**FIRST, "fmap_base": 2048, "images": 10_000_000},
    **REPORT,
    "tiny": TINY,
    "smoke": SMOKE,
}
SOURCE: Mapping[str, str] = {
    "celeba-64": "second version of the released code; the ProgGAN of Pioneer's table 1",
    "celeba-128": "second version of the released code",
    "celebahq-128": "second version of the released code, as the course report ran it",
    "celebahq-1024": "first version of the released code, by which the paper's numbers were made",
    "celebahq-1024-second": "second version of the released code, on one GPU",
    "lsun-256": "first version of the released code",
    "cifar10-32": "first version of the released code",
    "ablation-128": "first version of the released code; the paper's table 1",
    **dict.fromkeys(REPORT, "course report, table 1, where it stopped at 1,462,000 images"),
    "report-statistics": "course report, without numbers",
}
PUBLISHED: tuple[str, ...] = (
    "PGGAN",
    "ProgGAN baseline",
    "ProgGAN + ResBlock G",
    "ProgGAN + ResBlock D",
    "ProgGAN + RR",
    "ProgGAN + RR + ResBlock G",
    "ProgGAN + RR + ResBlocks G and D",
    "ProgGAN least squares loss",
)
RESOLUTION: Mapping[str, int] = {
    "celeba-64": 64,
    "celeba-128": 128,
    "celebahq-128": 128,
    "celebahq-1024": 1024,
    "celebahq-1024-second": 1024,
    "lsun-256": 256,
    "cifar10-32": 32,
    "ablation-128": 128,
    **dict.fromkeys(REPORT, 128),
    "tiny": 32,
    "smoke": 32,
}
DATA: Mapping[str, str] = {
    "celeba-64": "celeba",
    "celeba-128": "celeba",
    "celebahq-128": "celeba-hq",
    "celebahq-1024": "celeba-hq",
    "celebahq-1024-second": "celeba-hq",
    "lsun-256": "lsun-bedroom",
    "cifar10-32": "cifar10",
    "ablation-128": "celeba",
    **dict.fromkeys(REPORT, "celeba-hq"),
}
SHAPE = ("latent", "fmap_base", "fmap_max")


def shape(preset: str) -> Values:
    """What of a small preset says how large the networks are."""
    return {name: value for name, value in PRESETS[preset].items() if name in SHAPE}
