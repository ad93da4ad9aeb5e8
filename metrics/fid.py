"""Fréchet Inception distance: two clouds of features compared as if they were Gaussian.

Paper: M. Heusel, H. Ramsauer, T. Unterthiner, B. Nessler, S. Hochreiter, "GANs Trained by
    a Two Time-Scale Update Rule Converge to a Local Nash Equilibrium", NeurIPS 2017,
    arXiv:1706.08500.
Checked against: scipy.linalg.sqrtm, the nuclear norm of centred data, and torch-fidelity.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping

import torch
from torch import Tensor

from genbench.accumulators.moments import Moments
from genbench.errors import BadInput
from genbench.images import Array, as_rows
from genbench.interfaces import Column, Input, Measured, Metric, Stream, Tensors

LAYER = "2048"  # the layer of the paper; a distance at another layer has another scale
OTHERS = ("64", "192", "768")
EPS = torch.finfo(torch.float64).eps
SINGULAR = 1e-10  # of the trace: below it, a Cholesky pivot is rounding more than data
ROUNDING = 1e-6  # of both traces: a distance below minus this is a bug


def frechet_distance(mean_a: Array, cov_a: Array, mean_b: Array, cov_b: Array) -> float:
    """Squared 2-Wasserstein distance between two Gaussians.

        |μa − μb|² + tr Σa + tr Σb − 2 tr (Σa Σb)^½

    With Σ = L Lᵀ the last trace is the sum of the singular values of Laᵀ Lb: no square
    root of a matrix that is not symmetric, and full precision where covariances are
    singular, as they are with fewer images than features. Where they are not, the singular
    values are the roots of the eigenvalues of Laᵀ Σb La, which are found in a third of the time.

    Args:
        mean_a, mean_b: (d,); a number where d is 1.
        cov_a, cov_b: (d, d), symmetric up to rounding.

    Returns:
        0 or more, in squared units of the features; 0 for equal arguments.

    Raises:
        BadInput: shapes that do not fit, or values that are not finite.
    """
    a, spread_a = _gaussian(mean_a, cov_a, "first")
    b, spread_b = _gaussian(mean_b, cov_b, "second")
    if len(a) != len(b):
        raise BadInput(
            f"the first side has {len(a)} features, the second {len(b)}; take both from one layer"
        )
    size = float(spread_a.trace() + spread_b.trace())
    distance = float((a - b).square().sum()) + size - 2 * _overlap(spread_a, spread_b)
    if distance < -ROUNDING * size:
        raise RuntimeError(f"the Fréchet distance came out as {distance}; please report this")
    return max(distance, 0.0)


def expected_bias(cov: Array, n_a: int, n_b: int) -> float:
    """What the distance of two samples of one Gaussian is on average: the floor of a score.

        (1/na + 1/nb) · (Σ λi + ½ Σij λi λj (1 + δij) / (λi + λj)),  λ the eigenvalues

    First order in 1/n, within 2 % for n of 4 d or more.

    Args:
        cov: of the reference, (d, d).
        n_a, n_b: images on each side.
    """
    return (1 / n_a + 1 / n_b) * bias_factor(cov)


def bias_factor(cov: Array) -> float:
    """What of `expected_bias` does not depend on the numbers of images: cov (d, d)."""
    matrix = as_rows(cov).to("cpu", torch.float64)
    values = torch.linalg.eigvalsh((matrix + matrix.T) / 2)
    values = values[values > 0]
    # A block of rows at a time: (d, d) once more would be 33 MB, a temporary for each operation.
    blocks = torch.split(values[:, None], 256)
    pairs = sum(float((rows * values / (rows + values)).sum()) for rows in blocks)
    return 1.25 * float(values.sum()) + pairs / 2


def _gaussian(mean: Array, cov: Array, side: str) -> tuple[Tensor, Tensor]:
    """Mean (d,) and symmetric covariance (d, d) in float64 on the CPU, checked."""
    m = as_rows(mean).to("cpu", torch.float64).reshape(-1)
    c = as_rows(cov).to("cpu", torch.float64)
    c = c.reshape(1, 1) if c.numel() == 1 else c
    if c.shape != (len(m), len(m)):
        raise BadInput(
            f"the {side} side has a mean of {len(m)} numbers and a covariance of shape "
            f"{tuple(c.shape)}, wanted {(len(m), len(m))}; take both from the same features"
        )
    for name, numbers in (("mean", m), ("covariance", c)):
        if not numbers.isfinite().all():
            raise BadInput(
                f"the {name} of the {side} side is not finite; look for NaN or infinite features"
            )
    return m, (c + c.T) / 2


def _overlap(a: Tensor, b: Tensor) -> float:
    """tr (a b)^½ of two covariances, (d, d)."""
    lower, other = _cholesky(a), _cholesky(b)
    if lower is not None and other is not None:
        product = lower.T @ b @ lower
        # Far from 0, so the root of an eigenvalue's rounding is still rounding.
        values = torch.linalg.eigvalsh((product + product.T) / 2)
        return float(values.clamp_min(0).sqrt().sum())
    left, right = (
        root if root is not None else _root(cov) for root, cov in ((lower, a), (other, b))
    )
    return float(torch.linalg.svdvals(left.T @ right).sum())


def _cholesky(cov: Tensor) -> Tensor | None:
    """The lower triangle L with L Lᵀ = *cov*, unless *cov* is singular."""
    lower: Tensor
    lower, failed = torch.linalg.cholesky_ex(cov)
    sound = not failed and bool(lower.diagonal().square().min() > SINGULAR * cov.trace())
    return lower if sound else None


def _root(cov: Tensor) -> Tensor:
    """L with L Lᵀ = *cov* by eigenvectors, ten times slower: (d, d) -> (d, rank)."""
    values, vectors = torch.linalg.eigh(cov)
    # What stands for zero is of the order of EPS; its root would be of the order of 1e-8.
    keep = values > len(cov) * EPS * values[-1]
    root: Tensor = vectors[:, keep] * values[keep].sqrt()
    return root


def _compute(
    score: str, real: Tensors, generated: Tensors, reference: Tensors
) -> Mapping[str, Measured]:
    distance = frechet_distance(real["mean"], real["cov"], generated["mean"], generated["cov"])
    factor = float(reference["bias factor"])
    return {score: Measured(distance, note=_remark(real, generated, factor))}


def _reference(real: Tensors) -> Tensors:
    """The eigenvalues of one reference serve many models: they take as long as the distance."""
    return {"bias factor": torch.tensor(bias_factor(real["cov"]), dtype=torch.float64)}


def _remark(real: Tensors, generated: Tensors, factor: float) -> str:
    """What the number alone does not say: how much of it is due to the number of images."""
    if generated["cov"].trace() <= SINGULAR * real["cov"].trace():
        return "all generated images are identical, so nothing is compared but means"
    counts, d = (int(real["n"]), int(generated["n"])), len(real["mean"])
    if not counts[0]:
        return (
            "the reference does not say how many images it was made of; "
            f"{counts[1]} generated ones alone put the floor at about {factor / counts[1]:.3g}"
        )
    floor = (
        f"two sets of real images, {counts[0]} and {counts[1]}, are about "
        f"{(1 / counts[0] + 1 / counts[1]) * factor:.3g} apart, which is the floor"
    )
    if min(counts) > d:
        return floor
    return f"no more images than its {d} features: {floor}, so raise --images"


def metric(
    network: str, layer: str, score: str, title: str, variants: Mapping[str, Metric] | None = None
) -> Metric:
    """The distance between features of *layer* of *network*; FID is its name for Inception only."""
    moments = Moments(network, layer)
    return Metric(
        version=1,
        inputs={"real": Input(Stream.REAL, moments), "generated": Input(Stream.SAMPLES, moments)},
        compute=functools.partial(_compute, score),
        columns={score: Column(title, lower_is_better=True)},
        reference=_reference,
        variants=variants or {},
        symmetric=True,
    )


def _at(layer: str) -> Metric:
    return metric("inception", layer, f"fid_{layer}", f"FID-{layer}")


METRIC = metric("inception", LAYER, "fid", "FID", {layer: _at(layer) for layer in OTHERS})
