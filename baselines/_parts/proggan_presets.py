"""Published settings of ProgGAN, and small ones."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

from genbench.interfaces import Preset

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
}
FIRST_CODE = "first version of the released code"
SECOND_CODE = "second version of the released code"
PRESETS: Mapping[str, Preset] = {
    "celeba-64": Preset({}, "celeba", 64, f"{SECOND_CODE}; the ProgGAN of Pioneer's table 1"),
    "celeba-128": Preset({}, "celeba", 128, SECOND_CODE),
    "celebahq-128": Preset({}, "celeba-hq", 128, f"{SECOND_CODE}, as the course report ran it"),
    "celebahq-1024": Preset(
        {
            **FIRST,
            "images": 19_000_000,
            "batches": (16, 16, 16, 16, 16, 16, 14, 6, 3),
            "lr_1024": 1e-3,
            "ramp_images": 40_000,
        },
        data="celeba-hq",
        resolution=1024,
        source=f"{FIRST_CODE}, by which the paper's numbers were made",
    ),
    "celebahq-1024-second": Preset({}, "celeba-hq", 1024, f"{SECOND_CODE}, on one GPU"),
    "lsun-256": Preset({**FIRST, "images": 20_000_000}, "lsun-bedroom", 256, FIRST_CODE),
    "cifar10-32": Preset(
        {
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
        data="cifar10",
        resolution=32,
        source=FIRST_CODE,
    ),
    "ablation-128": Preset(
        {**FIRST, "fmap_base": 2048, "images": 10_000_000},
        data="celeba",
        resolution=128,
        source=f"{FIRST_CODE}; the paper's table 1",
    ),
    **{
        name: Preset(
            settings,
            data="celeba-hq",
            resolution=128,
            source="course report, table 1, where it stopped at 1,462,000 images",
        )
        for name, settings in REPORT.items()
    },
    # A group of 4 has no tails worth a kurtosis.
    "report-statistics": Preset(
        {"statistics": ("std", "kurtosis", "skewness"), "stddev_group": 16},
        data="celeba-hq",
        resolution=128,
        source="course report, without numbers",
    ),
    "tiny": Preset(TINY, resolution=32),
    "smoke": Preset(SMOKE, resolution=32),
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
SHAPE = ("latent", "fmap_base", "fmap_max")


def shape(preset: str) -> Values:
    """What of a small preset says how large the networks are."""
    return {name: value for name, value in PRESETS[preset].settings.items() if name in SHAPE}
