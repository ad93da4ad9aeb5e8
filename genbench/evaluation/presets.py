"""What papers measured, as far as they say it: named sets of metrics with their numbers of images.

A table may need several sizes, FID of 10,000 samples beside SWD of 16,384, so a preset is a
list of parts. Each part is an evaluation of its own; all are committed together.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from genbench.errors import BadSetting, nearest
from genbench.evaluation.settings import METRICS, Evaluation


@dataclasses.dataclass(frozen=True)
class Part:
    """Metrics that share their numbers of images."""

    metrics: tuple[str, ...]
    images: int | None = None
    reference: int | None = None  # real images; None: as many as samples
    pairs: int | None = None
    paths: int | None = None
    repeats: int = 1
    fewer: bool = False  # the data of the paper has fewer real or held-out images than it names


@dataclasses.dataclass(frozen=True)
class EvaluationPreset:
    """A paper's way of measuring."""

    parts: tuple[Part, ...]
    source: str
    unknown: tuple[str, ...] = ()  # what the paper leaves open, and how it is settled here
    resolutions: tuple[int, ...] = ()  # at which the paper measured; empty: any
    quantise: str | None = None  # None: as the user says


TRUNCATED = "the authors' image writer cut fractions of grey levels off, which is done here too"
PORT = "which port of the Inception network is not stated, the original weights are taken"
PRESETS: Mapping[str, EvaluationPreset] = {
    "quick": EvaluationPreset(
        (Part(("swd", "rmse", "psnr", "ssim"), images=1000, pairs=1000, repeats=3),),
        "no paper: a first look on a CPU",
    ),
    "pioneer-table1": EvaluationPreset(
        (
            Part(("fid",), images=10_000, repeats=5),
            Part(("swd",), images=16_384, repeats=5),
            Part(("rmse", "psnr"), pairs=1000),
        ),
        "Pioneer (ACCV 2018), Table 1: FID of 10,000 samples against 10,000 training images, SWD "
        "of 16,384, one standard deviation over sampling batches",
        (
            "the scale of its RMSE cannot be recovered, so RMSE can be compared in order only",
            "the number of sampling batches is not stated, 5 are taken",
            "the number of test images is not stated, 1,000 are taken",
            PORT,
            TRUNCATED,
        ),
        (64, 128),
        "truncate",
    ),
    "balanced-pioneer-table1": EvaluationPreset(
        (
            Part(("fid",), images=50_000, reference=50_000, fewer=True),
            Part(("ppl:face",), paths=100_000),
            Part(("lpips:alex-face", "lpips:vgg-face"), pairs=10_000, fewer=True),
            Part(("identity",), pairs=1000),
        ),
        "Balanced Pioneer (WACV 2020), Table 1 and section 4.3, CelebA-HQ: FID of 50,000, PPL of "
        "100,000 steps of 1e-4 in the face box of 128x128, LPIPS there, identity of 1,000",
        (
            "the number of reference images is not stated, 50,000 are taken or all there are",
            "whether paths have full or end sampling is not stated, full is measured",
            "the LPIPS network is not stated, both are measured",
            "LPIPS is of 10,000 images and the test split has fewer, all of it is taken",
            "how faces are found that a reconstruction blurs is not stated, the input tells",
            PORT,
            TRUNCATED,
        ),
        (256,),
        "truncate",
    ),
    "balanced-pioneer-table1-lsun": EvaluationPreset(
        (
            Part(("fid",), images=50_000, reference=50_000, fewer=True),
            Part(("ppl",), paths=100_000),
        ),
        "Balanced Pioneer (WACV 2020), Table 1, LSUN bedrooms: FID of 50,000, PPL of steps of "
        "1e-4 over the whole image",
        (
            "the number of reference images is not stated, 50,000 are taken or all there are",
            "the number of steps is stated for CelebA-HQ only, its 100,000 are taken",
            "whether paths have full or end sampling is not stated, full is measured",
            PORT,
            TRUNCATED,
        ),
        (256,),
        "truncate",
    ),
    "balanced-pioneer-ablation": EvaluationPreset(
        (Part(("fid",), images=10_000),),
        "Balanced Pioneer (WACV 2020), Table 2: FID of 10,000 after 20 million images",
        (
            "the number of reference images is not stated, the 10,000 of its supplement are taken",
            PORT,
            TRUNCATED,
        ),
        (128,),
        "truncate",
    ),
    "introvae-table2": EvaluationPreset(
        (
            Part(("fid",), images=50_000, reference=50_000, fewer=True),
            Part(("ms_ssim",), images=20_000, fewer=True),
        ),
        "IntroVAE (NeurIPS 2018), Table 2: FID of 50,000 at 1024x1024 (CelebA-HQ) and 256x256 "
        "(LSUN), MS-SSIM of 10,000 pairs at 128x128",
        (
            "the reference split of FID and its size are not stated, 50,000 training images are "
            "taken or all there are",
            "the code of MS-SSIM is not stated, the one usable at 128x128 is PGGAN's",
            PORT,
        ),
        (128, 256, 1024),
    ),
    "glo-table1": EvaluationPreset(
        (Part(("psnr",)),),
        "GLO (ICML 2018), Table 1, test columns",
        (
            "whether the mean is over images or pooled is not stated, that over images is taken",
            "its formula has the wrong sign, its table has not",
            "its columns of training images are not measured",
        ),
        (32, 64, 128),
    ),
    "proggan-report-table1": EvaluationPreset(
        (Part(("swd", "inception_score"), images=16_384),),
        "report on variants of progressive GANs, Table 1: SWD and IS of 16,384 at 128x128; "
        "its row of real images is --anchors",
        ("its models were still at the stage of 8x8 pixels",),
        (128,),
    ),
}


def parts(name: str, how: Evaluation) -> list[Evaluation]:
    """The evaluations that a preset consists of; everything it does not fix comes from *how*.

    Raises:
        BadSetting: no such preset, or *how* gives what presets fix: metrics, numbers of images.
    """
    if name not in PRESETS:
        raise BadSetting(
            f"no evaluation preset is called {name!r}.{nearest(name, PRESETS)} "
            f"Known: {', '.join(PRESETS)}"
        )
    given: list[str] = [option for option, n in how.counts().items() if n is not None]
    if how.metrics not in ((), METRICS):
        given.append("metrics")
    if how.repeats != Evaluation.repeats:
        given.append("repeats")
    if PRESETS[name].quantise not in (None, how.quantise) and how.quantise != Evaluation.quantise:
        given.append("quantise")
    if given:
        raise BadSetting(f"--preset {name} fixes --{given[0]}; leave one of the two out")
    preset = PRESETS[name]
    how = dataclasses.replace(how, quantise=preset.quantise or how.quantise)
    return [dataclasses.replace(how, **vars(part)) for part in preset.parts]


def remarks(name: str, resolution: int) -> list[str]:
    """What a user of a known preset should read before comparing with the paper."""
    preset = PRESETS[name]
    lines = [f"{name}: {preset.source}", *(f"not known: {words}" for words in preset.unknown)]
    if preset.resolutions and resolution not in preset.resolutions:
        sides = ", ".join(f"{side}x{side}" for side in preset.resolutions)
        lines.append(
            f"these images are {resolution}x{resolution}, the paper's {sides}: "
            "the numbers do not compare with its numbers"
        )
    return lines
