"""Perceptual path length: how much images change over a small step in latent space.

    l = d(G(z(t)), G(z(t + ε))) / ε²,   d the LPIPS v0.1 over VGG16

averaged over steps between pairs of latents, without the outermost hundredths of them.
Latents go from one to the other as their model says: along the sphere, or straight.
Sides of 512 pixels or more are averaged down to 256 before they are looked at.

Paper: T. Karras, S. Laine, T. Aila, "A Style-Based Generator Architecture for Generative
    Adversarial Networks", CVPR 2019, arXiv:1812.04948, section 4.1.
Differs: no steps in W, the paper's second latent space, which an autoencoder has not.
Checked against: the closed form of a linear decoder.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from genbench.accumulators.pairs import mean_over_images
from genbench.errors import BadInput, BadSetting, NotEnoughData
from genbench.images import Array, as_rows
from genbench.interfaces import Column, Input, Measured, Metric, Step, Stream, Tensors

from ._parts.perceptual_distances import Distances

if TYPE_CHECKING:
    from torch import Tensor

EPSILON = 1e-4  # of the paper
LOW, HIGH = 1, 99  # percentiles between which the paper keeps lengths


def path_length(
    distances: Array, epsilon: float = EPSILON, *, low: float = LOW, high: float = HIGH
) -> dict[str, float]:
    """Path length of steps, with and without the outermost of them; see `lengths`.

    Args:
        distances: squared perceptual distance over each step, not divided by anything, (n,).
        epsilon: length of the steps, as a share of the way between two latents.
        low, high: percentiles of the lengths between which they are kept, 0 to 100.

    Returns:
        ``ppl``, the mean of those kept, and ``ppl_untrimmed``, the mean of all.

    Raises:
        NotEnoughData: no step.
        BadInput: a distance that is not finite.
        BadSetting: *epsilon* is not positive, or *low* exceeds *high*.
    """
    each, kept = _kept(as_rows(distances), epsilon, low, high)
    return {"ppl": float(each[kept].mean()), "ppl_untrimmed": float(each.mean())}


def lengths(
    distances: Tensor, epsilon: float, *, low: float = LOW, high: float = HIGH
) -> dict[str, Measured]:
    """Path length of steps, with and without the outermost of them, and their error bars.

    Kept are the lengths between two percentiles. Where a percentile falls between two
    lengths, it is the shorter one at the low end and the longer one at the high end, so
    nothing is left out of 100 steps or fewer.

    Args:
        distances: squared perceptual distance over each step, (n,).
        epsilon: length of the steps, as a share of the way between two latents.
        low, high: percentiles, 0 to 100.

    Returns:
        ``ppl``, the mean of those kept, and ``ppl_untrimmed``, the mean of all; each with
        its standard error, which one step alone has not.

    Raises:
        as `path_length`.
    """
    each, kept = _kept(distances, epsilon, low, high)
    return {
        "ppl": mean_over_images(each, "steps", kept=kept),
        "ppl_untrimmed": mean_over_images(each, "steps"),
    }


def _kept(distances: Tensor, epsilon: float, low: float, high: float) -> tuple[Tensor, Tensor]:
    """Length of each step, (n,) float64, and whether it lies between the percentiles."""
    if len(distances) == 0:
        raise NotEnoughData("a path length needs 1 step or more, got 0; raise --paths")
    if not epsilon > 0 or not 0 <= low <= high <= 100:
        raise BadSetting(
            f"a path length needs epsilon > 0 and 0 <= low <= high <= 100, "
            f"got epsilon {epsilon:g}, low {low:g}, high {high:g}"
        )
    if not bool(distances.isfinite().all()):
        bad = int(distances.isfinite().logical_not().nonzero()[0])
        raise BadInput(f"the distance over step {bad} is not finite; look at its two images")
    each = distances.double() / epsilon**2
    least = np.percentile(each.numpy(force=True), low, method="lower")
    most = np.percentile(each.numpy(force=True), high, method="higher")
    return each, (each >= float(least)) & (each <= float(most))


def _compute(score: str, paths: Tensors) -> Mapping[str, Measured]:
    found = lengths(paths["distance"], EPSILON)
    return {score: found["ppl"], f"{score}_untrimmed": found["ppl_untrimmed"]}


def metric(space: Distances, score: str, title: str, *, ends: bool = False) -> Metric:
    """The length of paths in a *space*; PPL is its name for LPIPS over VGG16 only.

    Args:
        ends: start every step at a latent of the prior.
    """
    step = Step(EPSILON, ends)
    return Metric(
        version=1,
        inputs={"paths": Input(Stream.PATHS, space, face=space.face, step=step)},
        compute=functools.partial(_compute, score),
        columns={
            score: Column(title, lower_is_better=True, digits=2),
            f"{score}_untrimmed": Column(f"{title}, all", lower_is_better=True, digits=2),
        },
        parameters={"percentiles": [LOW, HIGH]},
    )


VGG = Distances("lpips_vgg", "all-256")
FACE = replace(VGG, face=True)
METRIC = replace(
    metric(VGG, "ppl", "PPL"),
    variants={
        "end": metric(VGG, "ppl_end", "PPL (end)", ends=True),
        "face": metric(FACE, "ppl_face", "PPL (face)"),
        "end-face": metric(FACE, "ppl_end_face", "PPL (end, face)", ends=True),
    },
)
