"""What papers measured, as far as they say it: named sets of metrics with their numbers of images.

A table may need several sizes, FID of 10,000 samples beside SWD of 16,384, so a preset is a
list of parts. Each part is an evaluation of its own; all are committed together.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from genbench.errors import BadSetting, nearest
from genbench.evaluation.settings import Evaluation


@dataclasses.dataclass(frozen=True)
class Part:
    """Metrics that share their numbers of images."""

    metrics: tuple[str, ...]
    images: int | None = None
    pairs: int | None = None
    paths: int | None = None
    repeats: int = 1


@dataclasses.dataclass(frozen=True)
class Preset:
    """A paper's way of measuring."""

    parts: tuple[Part, ...]
    source: str
    unknown: str = ""  # what the paper leaves open, and how it is settled here


PRESETS: Mapping[str, Preset] = {
    "quick": Preset(
        (Part(("swd", "rmse", "psnr", "ssim"), images=1000, pairs=1000, repeats=3),),
        "no paper: a first look on a CPU",
    ),
    "pioneer-table1": Preset(
        (
            Part(("fid",), images=10_000, repeats=5),
            Part(("swd",), images=16_384, repeats=5),
            Part(("rmse", "psnr"), pairs=1000),
        ),
        "Pioneer (ACCV 2018), Table 1",
        "the scale of its RMSE cannot be recovered, so RMSE can be compared in order only; the "
        "number of repeats is not stated; its image writer truncated: add --quantise truncate",
    ),
    "balanced-pioneer-table1": Preset(
        (
            Part(("fid",), images=50_000),
            Part(("ppl:face",), paths=100_000),
            Part(("lpips:alex-face", "lpips:vgg-face"), pairs=10_000),
            Part(("identity",), pairs=1000),
        ),
        "Balanced Pioneer (WACV 2020), Table 1; for LSUN take ppl without the face box",
        "the LPIPS network is not stated, both are measured; full or end sampling is not "
        "stated, full is measured",
    ),
    "balanced-pioneer-ablation": Preset(
        (Part(("fid",), images=10_000),), "Balanced Pioneer (WACV 2020), Table 2"
    ),
    "introvae-table2": Preset(
        (Part(("fid",), images=50_000), Part(("ms_ssim",), images=20_000)),
        "IntroVAE (NeurIPS 2018), Table 2: FID of 50,000, MS-SSIM of 10,000 pairs",
        "the reference split of FID is not stated, the training split is taken",
    ),
    "glo-table1": Preset(
        (Part(("psnr",)),),
        "GLO (ICML 2018), Table 1",
        "whether the mean is over images or pooled is not stated, the mean over images is taken",
    ),
    "proggan-report-table1": Preset(
        (Part(("swd", "inception_score"), images=16_384),),
        "report on progressive GANs, Table 1",
    ),
}


def parts(name: str, how: Evaluation) -> list[Evaluation]:
    """The evaluations that a preset consists of; everything it does not fix comes from *how*.

    Raises:
        BadSetting: no such preset.
    """
    if name not in PRESETS:
        raise BadSetting(
            f"no evaluation preset is called {name!r}.{nearest(name, PRESETS)} "
            f"Known: {', '.join(PRESETS)}"
        )
    return [dataclasses.replace(how, **vars(part)) for part in PRESETS[name].parts]
