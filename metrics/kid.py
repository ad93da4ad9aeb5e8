"""Kernel Inception distance: squared maximum mean discrepancy of features, without bias.

Paper: M. Bińkowski, D. J. Sutherland, M. Arbel, A. Gretton, "Demystifying MMD GANs",
    ICLR 2018, arXiv:1801.01401.
Differs: all pairs of images count, where the paper averages over random subsets, so the
    number has no noise of its own; `kid:subsets` is the paper's 100 subsets of 1000.
Checked against: torch-fidelity 0.4, whose subsets `kid:subsets` draws.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from genbench.accumulators import feature_metric
from genbench.accumulators.finite import SIDES
from genbench.accumulators.rows import check_rows
from genbench.errors import NotEnoughData
from genbench.images import Array, as_rows
from genbench.interfaces import Column, Measured, Metric
from genbench.runtime.devices import full_float32

LAYER = "2048"  # the layer of the paper; a distance at another layer has another scale
OTHERS = ("64", "192", "768")
SUBSETS, SIZE = 100, 1000
SEED = 2020  # of torch-fidelity's subsets

Kernel = Callable[[Tensor, Tensor], Tensor]  # (n, d), (m, d) -> (n, m)


def kernel_distance(
    a: Array,
    b: Array,
    *,
    degree: int = 3,
    gamma: float | None = None,
    coef: float = 1.0,
    tile: int = 1024,
) -> float:
    """Squared maximum mean discrepancy over all pairs of rows, for k(x, y) = (γ xᵀy + c)^degree.

        mean k(a_i, a_j) over i ≠ j  +  mean k(b_i, b_j) over i ≠ j  −  2 mean k(a_i, b_j)

    The mean of the estimates of all subsets of equal size. Unbiased, so it is negative
    about as often as positive where both sets have one distribution.

    Args:
        a: features of real images, (n, d), tensor or array; widened to float64.
        b: features of generated images, (m, d).
        degree: of the polynomial.
        gamma: factor of the product; 1 / d where it is None.
        coef: what is added to the product.
        tile: rows and columns of the kernel that are held at a time.

    Raises:
        BadInput: features that cannot be compared.
        NotEnoughData: fewer than 2 rows on a side.
    """
    kernel = functools.partial(_polynomial, degree=degree, gamma=gamma, coef=coef)
    real, fake = as_rows(a), as_rows(b)
    check_rows(real, fake)  # before it is widened: integers are no features
    return _estimate(_sums(real.double(), fake.double(), kernel, tile))


def kernel_distance_with_error(a: Tensor, b: Tensor, *, tile: int = 1024) -> tuple[float, float]:
    """The distance with the kernel of the paper, and its standard error.

    Products are taken in the type of the features, which in float32 is twice as fast and off
    by 1e-5 at most; sums are float64. The error is the jackknife's: every row of either set
    is left out once. It is right where the sets differ; where they have one distribution it
    is up to √2 too large, for there the jackknife counts the part of each pair twice.

    Args:
        a: features of real images, (n, d), n of 3 or more.
        b: features of generated images, (m, d), m of 3 or more.
        tile: rows and columns of the kernel that are held at a time.
    """
    sums = _sums(a, b, _polynomial, tile)
    return _estimate(sums), _jackknife(sums)


def subset_distances(
    a: Array, b: Array, *, subsets: int = SUBSETS, size: int = SIZE, seed: int = SEED
) -> Tensor:
    """The distance of random subsets, drawn without replacement: (subsets,) float64.

    Args:
        a: features of real images, (n, d), tensor or array.
        b: features of generated images, (m, d).
        subsets: how many.
        size: rows of each side in a subset.
        seed: of numpy's legacy generator, whose stream is frozen.

    Raises:
        NotEnoughData: a side has fewer rows than a subset.
    """
    real, fake = as_rows(a), as_rows(b)
    small = [side for side, rows in zip(SIDES, (real, fake), strict=True) if len(rows) < size]
    if small:
        raise NotEnoughData(
            f"kid:subsets draws {size} images of each side, got {len(real)} real and {len(fake)} "
            f"generated, so there are too few {' and '.join(small)} images; "
            f"raise --images to {size} or more, or take kid, which uses any number"
        )
    rng = np.random.RandomState(seed)  # not `seeds`: other tools' subsets are wanted

    def draw(rows: Tensor) -> Tensor:
        chosen = torch.from_numpy(rng.choice(len(rows), size, replace=False))
        return rows[chosen.to(rows.device)]

    found = []
    for _ in range(subsets):
        generated = draw(fake)  # before the real ones, as in torch-fidelity
        found.append(_estimate(_sums(draw(real), generated, _polynomial, size)))
    return torch.tensor(found, dtype=torch.float64)


class _Sums(NamedTuple):
    """Sums of the kernel over the partners of each row, float64; a row is not its own partner."""

    aa: Tensor  # (n,)
    bb: Tensor  # (m,)
    ab: Tensor  # (n,)
    ba: Tensor  # (m,)


def _sums(a: Tensor, b: Tensor, kernel: Kernel, tile: int) -> _Sums:
    check_rows(a, b)
    if min(len(a), len(b)) < 2:
        raise NotEnoughData(
            f"a kernel distance needs 2 images on each side, got {len(a)} real and {len(b)} "
            "generated; raise --images"
        )
    with full_float32():
        return _Sums(
            _within(a, kernel, tile), _within(b, kernel, tile), *_across(a, b, kernel, tile)
        )


def _within(rows: Tensor, kernel: Kernel, tile: int) -> Tensor:
    """Σ_{j ≠ i} k(x_i, x_j) for each i, (n,); each pair of tiles is computed once."""
    parts = torch.split(rows, tile)
    total = rows.new_zeros(len(rows), dtype=torch.float64)
    totals = torch.split(total, tile)
    for i, left in enumerate(parts):
        values = kernel(left, left).fill_diagonal_(0)
        totals[i].add_(values.sum(1, dtype=torch.float64))
        for j in range(i + 1, len(parts)):
            values = kernel(left, parts[j])
            totals[i].add_(values.sum(1, dtype=torch.float64))
            totals[j].add_(values.sum(0, dtype=torch.float64))
    return total


def _across(a: Tensor, b: Tensor, kernel: Kernel, tile: int) -> tuple[Tensor, Tensor]:
    """Σ_j k(a_i, b_j) for each i, (n,), and Σ_i k(a_i, b_j) for each j, (m,)."""
    of_a = a.new_zeros(len(a), dtype=torch.float64)
    of_b = b.new_zeros(len(b), dtype=torch.float64)
    for left, left_sum in zip(torch.split(a, tile), torch.split(of_a, tile), strict=True):
        for right, right_sum in zip(torch.split(b, tile), torch.split(of_b, tile), strict=True):
            values = kernel(left, right)
            left_sum.add_(values.sum(1, dtype=torch.float64))
            right_sum.add_(values.sum(0, dtype=torch.float64))
    return of_a, of_b


def _polynomial(
    x: Tensor, y: Tensor, *, degree: int = 3, gamma: float | None = None, coef: float = 1.0
) -> Tensor:
    """(γ xᵀy + c)^degree: (n, d), (m, d) -> (n, m)."""
    scale = 1 / x.shape[1] if gamma is None else gamma
    return torch.addmm(x.new_full((), coef), x, y.T, alpha=scale).pow_(degree)


def _estimate(sums: _Sums) -> float:
    n, m = len(sums.aa), len(sums.bb)
    within = float(sums.aa.sum()) / (n * (n - 1)) + float(sums.bb.sum()) / (m * (m - 1))
    return within - 2 * float(sums.ab.sum()) / (n * m)


def _jackknife(sums: _Sums) -> float:
    """Standard error from the estimates that lack one row each."""
    n, m = len(sums.aa), len(sums.bb)
    across = sums.ab.sum()
    # What the pairs of the other side add is the same for every row left out: no variance.
    without_a = _without(sums.aa) - 2 * (across - sums.ab) / ((n - 1) * m)
    without_b = _without(sums.bb) - 2 * (across - sums.ba) / (n * (m - 1))
    variances = [(len(v) - 1) * float(v.var(correction=0)) for v in (without_a, without_b)]
    return math.sqrt(sum(variances))


def _without(within: Tensor) -> Tensor:
    """Mean of the kernel over the pairs that do not hold row i, for each i: (n,) -> (n,)."""
    n = len(within)
    return (within.sum() - 2 * within) / ((n - 1) * (n - 2))


def _all_pairs(real: Tensor, generated: Tensor) -> float | Measured:
    if min(len(real), len(generated)) < 3:  # nothing is left to leave out
        return kernel_distance(real, generated)
    value, error = kernel_distance_with_error(real, generated)
    return Measured(value, error, "jackknife standard error over images")


def _subsets(real: Tensor, generated: Tensor) -> Measured:
    found = subset_distances(real, generated)
    over = f"std over {SUBSETS} subsets of {SIZE} images"
    return Measured(float(found.mean()), float(found.std(correction=0)), over)


def metric(network: str, layer: str, score: str, title: str) -> Metric:
    """The distance between features of *layer* of *network*; KID is its name for Inception only."""
    found = feature_metric(
        _all_pairs,
        network,
        layer,
        {score: Column(title, lower_is_better=True, digits=4)},
        parameters={"kernel": "poly3", "estimator": "unbiased-all-pairs"},
    )
    return replace(found, symmetric=True)


IN_SUBSETS = feature_metric(
    _subsets,
    "inception",
    LAYER,
    {"kid_subsets": Column("KID 100×1000", lower_is_better=True, digits=4)},
    parameters={
        "kernel": "poly3",
        "estimator": "unbiased-subsets",
        "subsets": SUBSETS,
        "size": SIZE,
    },
)
METRIC = replace(
    metric("inception", LAYER, "kid", "KID"),
    variants={
        **{layer: metric("inception", layer, f"kid_{layer}", f"KID-{layer}") for layer in OTHERS},
        "subsets": replace(IN_SUBSETS, ordered=True),
    },
)
