"""FID extrapolated to any number of images, which frees it of the bias of few.

Paper: M. J. Chong, D. Forsyth, "Effectively Unbiased FID and Inception Score and Where to
    Find Them", CVPR 2020, arXiv:1911.07023.
Differs: both sides grow together where the paper keeps all real images, so that the bias
    of either goes; each size holds the images of the one before; latents are not Sobol's.
Checked against: Gaussians whose distance is known.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

import torch
from torch import Tensor

from genbench.accumulators import feature_metric
from genbench.accumulators.finite import SIDES
from genbench.accumulators.moments import Sums, moments
from genbench.accumulators.rows import check_rows
from genbench.errors import NotEnoughData
from genbench.images import Array, as_rows
from genbench.interfaces import Column, Curve, Measured, Metric, Tensors
from genbench.runtime.seeds import permutation

from .fid import LAYER, OTHERS, frechet_distance

SIZES = 8  # at which the distance is taken
LEAST = 1 / 4  # of the images, at the smallest
FEWEST = 16  # images at the smallest, however few features there are
AT_ONCE = 4096  # rows widened to float64 at a time


def fid_inf(real: Array, generated: Array, *, seed: int = 0) -> tuple[float, float]:
    """The a of FID(n) = a + b / n, by least squares over 8 sizes from a quarter of all to all.

    The law holds to first order, for n of several d. What is extrapolated from has noise,
    so a small distance may come out below 0.

    Args:
        real: features, (n, d), tensor or array.
        generated: features, (m, d).
        seed: of the order in which images are taken.

    Returns:
        a, and its standard error from the residuals of the fit. The sizes share images, so
        this says how straight the line is; another set of images moves a about three times
        as far.

    Raises:
        BadInput: features that cannot be compared.
        NotEnoughData: fewer images than 4 d on a side.
    """
    shares, distances = points(real, generated, seed=seed)
    return intercept(1 / shares, distances)


def points(real: Array, generated: Array, *, seed: int = 0) -> tuple[Tensor, Tensor]:
    """What the line is fitted to: shares of the images of both sides, and the distance at each.

    Args, Raises: as in `fid_inf`.

    Returns:
        Both float64 (8,), the shares rising from 1/4 to 1.
    """
    real, generated = as_rows(real), as_rows(generated)
    check_rows(real, generated)
    wanted = math.ceil(max(real.shape[1], FEWEST) / LEAST)
    if min(len(real), len(generated)) < wanted:
        raise NotEnoughData(
            f"fid_inf fits down to a quarter of the images, which must be no fewer than their "
            f"{real.shape[1]} features, so it needs {wanted} on each side, got {len(real)} real "
            f"and {len(generated)} generated; raise --images or take a layer with fewer features"
        )
    shares = torch.linspace(LEAST, 1, SIZES, dtype=torch.float64)
    sides = (_growing(rows, shares, seed, side) for rows, side in ((real, 0), (generated, 1)))
    distances = [
        frechet_distance(a["mean"], a["cov"], b["mean"], b["cov"])
        for a, b in zip(*sides, strict=True)
    ]
    return shares, torch.tensor(distances, dtype=torch.float64)


def intercept(x: Tensor, y: Tensor) -> tuple[float, float]:
    """Where the least-squares line through (x, y), float64 (k,), meets x = 0; standard error."""
    centred = x - x.mean()
    spread = centred.square().sum()
    slope = (centred * y).sum() / spread
    value = y.mean() - slope * x.mean()
    residual = (y - value - slope * x).square().sum() / (len(x) - 2)
    error = (residual * (1 / len(x) + x.mean().square() / spread)).sqrt()
    return float(value), float(error)


def _growing(rows: Tensor, shares: Tensor, seed: int, side: int) -> Iterator[Tensors]:
    """Mean and covariance of the first *shares* of the rows, in a random order."""
    order = permutation(len(rows), seed, "fid_inf", SIDES[side])
    sums, start = Sums(rows.device), 0
    for end in (shares * len(rows)).round().long().tolist():
        for index in torch.split(order[start:end], AT_ONCE):
            sums.update((rows[index.to(rows.device)],), index)
        yield {name: tensor.cpu() for name, tensor in moments(sums.state().sums).items()}
        start = end


def _extrapolated(real: Tensor, generated: Tensor) -> Measured:
    value, error = fid_inf(real, generated)
    return Measured(value, error, f"standard error of a fit over {SIZES} sizes")


def _curve(real: Tensors, generated: Tensors) -> Curve:
    rows = real["features"], generated["features"]
    shares, distances = points(*rows)
    limit, error = intercept(1 / shares, distances)
    least = min(map(len, rows))
    images = [round(share * least) for share in shares.tolist()]
    return Curve(images, distances.tolist(), limit, error)


def _at(layer: str) -> Metric:
    name, title = (
        ("fid_inf", "FID-inf") if layer == LAYER else (f"fid_inf_{layer}", f"FID-inf-{layer}")
    )
    metric = feature_metric(
        _extrapolated,
        "inception",
        layer,
        {name: Column(title, lower_is_better=True)},
        parameters={"fit": "a+b/n", "sizes": SIZES, "smallest": LEAST},
    )
    return replace(metric, curve=_curve, ordered=True)


METRIC = replace(_at(LAYER), variants={layer: _at(layer) for layer in OTHERS})
