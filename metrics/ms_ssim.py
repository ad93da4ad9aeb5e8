"""Multi-scale structural similarity: how alike samples are, or how good reconstructions.

Paper: Z. Wang, E. P. Simoncelli, A. C. Bovik, "Multi-scale Structural Similarity for Image
    Quality Assessment", Asilomar 2003; between samples: T. Karras, T. Aila, S. Laine,
    J. Lehtinen, "Progressive Growing of GANs for Improved Quality, Stability, and
    Variation", ICLR 2018, arXiv:1710.10196, whose order of means is kept.
Differs: an odd side loses its last row or column before it is halved.
Checked against: a literal reading of the definition in numpy; pytorch-msssim on similar images.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from genbench.accumulators import pair_metric
from genbench.accumulators.pairs import (
    as_pairs,
    check_shapes,
    mean_over_images,
)
from genbench.accumulators.row_buffer import KeptRows
from genbench.errors import NotEnoughData
from genbench.images import Array, Range
from genbench.interfaces import Column, Input, Json, Measured, Metric, Pass, State, Stream, Tensors

from ._parts.gaussian_window import (
    K1,
    K2,
    SIGMA,
    WIDEST,
    by_planes,
    check_sides,
    contrast,
    luminance,
    moments,
)

WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)  # of the scales; they add up to 1.0001
SMALLEST = 16  # one pixel is left at the fifth scale
DEFINITION = {
    "window": "gaussian-shrinking",
    "side": WIDEST,
    "sigma": SIGMA,
    "scales": list(WEIGHTS),
    "between": "mean-2x2-floor",
    "order": "mean-clip-product",
    "k1": K1,
    "k2": K2,
    "range": 255,
    "variance": "population",
}


def ms_ssim(a: Array, b: Array, *, value_range: Range | None = None) -> float:
    """Multi-scale structural similarity of each pair by the definition of PGGAN, then the mean.

    Args:
        a: images, (n, 3, h, w), tensor or array: uint8, or floats with a *value_range*.
        b: as many others of one size: for diversity, of the same model.
        value_range: what black and white are in floats, (-1, 1) or (0, 1).

    Returns:
        0 to 1; 1 for equal images.

    Raises:
        BadInput: another type or range, two shapes, or no image.
        NotMeasurable: a side below 16.
    """
    return float(ms_ssim_per_pair(*as_pairs(a, b, value_range)).mean())


def ms_ssim_per_pair(a: Tensor, b: Tensor) -> Tensor:
    """Multi-scale structural similarity of each pair, by the definition of PGGAN.

        ∏ cs_j^w_j · (l · cs)_5^w_5,  j = 1..4

    Each factor is the mean over positions and channels, clipped at 0. Libraries that clip
    and multiply channel by channel agree on similar images, and are up to a tenth away on
    unrelated ones.

    Args:
        a: of 0..255, uint8 or float64, (n, 3, h, w).
        b: likewise.

    Returns:
        (n,) float64, 0 to 1; 1 for equal images.

    Raises:
        BadInput: two shapes.
        NotMeasurable: a side below 16.
    """
    check_shapes(a, b)
    check_sides("MS-SSIM", tuple(a.shape[-2:]), SMALLEST)
    weights = torch.tensor(WEIGHTS, dtype=torch.float64, device=a.device)
    # A negative mean has no root. It stands for nothing alike, and counts as 0.
    factors = by_planes(_scales, a, b).mean(1).clamp_min(0) ** weights
    return factors.prod(1)


def _scales(both: Tensor) -> Tensor:
    """Mean cs of four scales, mean l · cs of the fifth, channel by channel: (k, 5)."""
    # Halving is linear, so the sum and the difference stand for both images at all scales.
    means = []
    for _ in WEIGHTS[:-1]:
        means.append(contrast(moments(both)[1]).mean((1, 2)))
        both = _halved(both)
    squares, variances = moments(both)
    means.append((luminance(squares) * contrast(variances)).mean((1, 2)))
    return torch.stack(means, 1)


def _halved(images: Tensor) -> Tensor:
    """Means of 2x2 pixels; the last row or column of an odd side is dropped."""
    height, width = (side // 2 * 2 for side in images.shape[-2:])
    rows = images[..., 0:height:2, :] + images[..., 1:height:2, :]
    return (rows[..., 0:width:2] + rows[..., 1:width:2]).div_(4)


# --- between samples --------------------------------------------------------------------


@dataclass(frozen=True)
class Neighbours:
    """Keeps the MS-SSIM of rows 0 and 1, of rows 2 and 3, and so on."""

    @property
    def features(self) -> None:
        return

    def start(self, about: Pass) -> Couples:
        """No couple yet.

        Raises:
            NotEnoughData: one image has no neighbour.
        """
        if about.n < 2:
            raise NotEnoughData(
                f"MS-SSIM between samples needs 2 images, got {about.n}; raise --images"
            )
        return Couples(about)

    def finish(self, whole: Tensors, about: Pass) -> Tensors:
        """``ms_ssim``, (n // 2,) float64 in the order of rows, and ``left_out``, rows without."""
        del about
        return {"ms_ssim": whole["ms_ssim"], "left_out": whole["left_out"]}

    def describe(self) -> dict[str, Json]:
        return {"statistic": "ms-ssim-couples"}


class Couples:
    """One number for each two rows, wherever batches begin and end."""

    def __init__(self, about: Pass) -> None:
        self.kept = KeptRows(about)
        self.images: Tensor | None = None  # rows whose neighbour has not come yet
        self.index = torch.empty(0, dtype=torch.int64)

    def update(self, rows: tuple[Tensor, ...], index: Tensor) -> None:
        """Take images, uint8 (n, 3, h, w)."""
        images = rows[0] if self.images is None else torch.cat([self.images, rows[0]])
        index, order = torch.cat([self.index, index]).sort()
        couple = index.numpy() // 2  # numpy, for it is plain that no device is asked
        meets = couple[:-1] == couple[1:]
        met = torch.from_numpy(np.flatnonzero(meets))
        alone = torch.from_numpy(~(np.append(meets, False) | np.insert(meets, 0, False)))
        if len(met):
            left, right = (images[order[at].to(images.device)] for at in (met, met + 1))
            self.kept.add(ms_ssim_per_pair(left, right), index[met])
        self.images, self.index = images[order[alone].to(images.device)], index[alone]

    def state(self) -> State:
        """The numbers, each with the row of its first image, and how many rows are left over."""
        sums = {"left_out": torch.tensor(len(self.index))}
        if self.kept.rows is None:  # a share of one row
            none = torch.empty(0, dtype=torch.float64)
            return State(sums, rows={"ms_ssim": none}, index=self.kept.index[:0])
        values, index = self.kept.parts()
        return State(sums, rows={"ms_ssim": values}, index=index)


def _diversity(samples: Tensors) -> Mapping[str, Measured]:
    values, remarks = samples["ms_ssim"], []
    if bool((values == 1).all()):
        remarks.append("both images of every pair are identical")
    if bool(samples["left_out"]):
        remarks.append("the number of images is odd, so the last one is left out")
    measured = mean_over_images(values, rows="pairs", note="; ".join(remarks) or None)
    return {"ms_ssim_diversity": measured}


def _check(side: int) -> None:
    check_sides("MS-SSIM", (side, side), SMALLEST)


RECONSTRUCTION = pair_metric(
    ms_ssim_per_pair,
    {
        "ms_ssim_reconstruction": Column(
            "MS-SSIM of reconstructions",
            lower_is_better=False,
            about="Multi-scale structural similarity of reconstructions and their inputs.",
        )
    },
    code="ms-ssim",
    parameters=DEFINITION,
    check=_check,
)
# Better is low in one and high in the other, so neither is called by the bare name.
METRIC = Metric(
    version=1,
    inputs={"samples": Input(Stream.SAMPLES, Neighbours())},
    compute=_diversity,
    columns={
        "ms_ssim_diversity": Column(
            "MS-SSIM between samples",
            lower_is_better=True,
            about="Multi-scale structural similarity of two samples: 1 where all are one image.",
        )
    },
    parameters=DEFINITION,
    check=_check,
    variants={"reconstruction": replace(RECONSTRUCTION, symmetric=True)},
    ordered=True,
)
