"""Precision, recall, density, coverage: what share of each set lies near the other.

Papers: T. Kynkäänniemi, T. Karras, S. Laine, J. Lehtinen, T. Aila, "Improved Precision and
    Recall Metric for Assessing Generative Models", NeurIPS 2019, arXiv:1904.06991;
    M. F. Naeem, S. J. Oh, Y. Uh, Y. Choi, J. Yoo, "Reliable Fidelity and Diversity Metrics
    for Generative Models", ICML 2020, arXiv:2002.09797, for density and coverage.
Differs: features of Inception where both papers take VGG16's, so numbers do not compare
    with theirs; 3 neighbours for all four, where the second paper takes 5 for its two.
Checked against: torch-fidelity 0.4, for the same features.
"""

from __future__ import annotations

import functools
from dataclasses import replace

import torch
from torch import Tensor

from genbench.accumulators import feature_metric
from genbench.accumulators.rows import COLLAPSED, check_rows, collapsed
from genbench.errors import NotEnoughData
from genbench.images import Array, as_rows
from genbench.interfaces import Column, Measured, Metric

LAYER = "2048"
OTHERS = ("768",)
K = 3
ROUNDING = 1e-12  # of the largest squared length; batches alter a feature by 1e-6 of its length
ABOUT = {
    "precision": "Share of samples that lie near real images: do they look real?",
    "recall": "Share of real images that lie near samples: is everything there?",
    "density": "How many real images each sample lies near, over those expected.",
    "coverage": "Share of real images that have a sample near them.",
}


def precision_recall(real: Array, fake: Array, *, k: int = K, tile: int = 1024) -> dict[str, float]:
    """Shares of two sets that lie in the balls around each other's points.

    The ball of a point reaches to its k-th nearest neighbour in its own set, itself not
    counted, and holds its rim.

    Args:
        real: features of real images, (n, d), tensor or array.
        fake: features of generated images, (m, d); the two sides are not alike, so name them.
        k: neighbours.
        tile: rows and columns of distances that are held at a time.

    Returns:
        ``precision``, share of fakes in some real ball; ``recall``, share of reals in some
        fake ball; ``density``, real balls that hold a fake, on average, over k, which may
        pass 1; ``coverage``, share of real balls that hold a fake.

    Raises:
        BadInput: features that cannot be compared.
        NotEnoughData: no k neighbours on a side.
    """
    real, fake = as_rows(real), as_rows(fake)
    check_rows(real, fake)
    if min(len(real), len(fake)) <= k:
        raise NotEnoughData(
            f"balls that reach to {k} neighbours need {k + 1} images on each side, got "
            f"{len(real)} real and {len(fake)} generated; raise --images"
        )
    # Moving the origin alters no distance, and shorter vectors lose less in the expansion.
    centre = real.mean(0).double()
    around_real = _radii(real, centre, k, tile)
    around_fake = _radii(fake, centre, k, tile)
    real_balls = torch.zeros(len(fake), dtype=torch.int64, device=fake.device)  # that hold a fake
    covered = torch.zeros(len(real), dtype=torch.bool, device=real.device)
    recalled = torch.zeros_like(covered)
    for i, a in _tiles(real, tile):
        for j, b in _tiles(fake, tile):
            distances = _squared_distances(a.double() - centre, b.double() - centre)
            held = distances <= around_real[i, None]
            real_balls[j] += held.sum(0)
            covered[i] |= held.any(1)
            recalled[i] |= (distances <= around_fake[j]).any(1)
    return {
        "precision": _share(real_balls > 0),
        "recall": _share(recalled),
        "density": float(real_balls.double().mean()) / k,
        "coverage": _share(covered),
    }


def _radii(points: Tensor, centre: Tensor, k: int, tile: int) -> Tensor:
    """Squared distance of each point to its k-th neighbour and a margin for rounding: (n,)."""
    tiles = [rows for _, rows in _tiles(points, tile)]
    nearest = [centre.new_empty(len(rows), 0) for rows in tiles]
    longest = 0.0
    for i, rows in enumerate(tiles):
        a = rows.double() - centre
        longest = max(longest, float(a.square().sum(1).max()))
        for j in range(i, len(tiles)):  # the other half is the same, mirrored
            distances = _squared_distances(a, tiles[j].double() - centre)
            if i == j:
                distances.fill_diagonal_(0)  # by products it is not quite
            else:
                nearest[j] = _smallest(nearest[j], distances.T, k + 1)
            nearest[i] = _smallest(nearest[i], distances, k + 1)
    return torch.cat([near.amax(1) for near in nearest]) + ROUNDING * longest


def _tiles(points: Tensor, tile: int) -> list[tuple[slice, Tensor]]:
    places = [slice(i, min(i + tile, len(points))) for i in range(0, len(points), tile)]
    return [(place, points[place]) for place in places]


def _squared_distances(a: Tensor, b: Tensor) -> Tensor:
    """|a|² + |b|² − 2 aᵀb, never negative: (n, d), (m, d) -> (n, m).

    In float64: products in float32 are off by 1e-7 of the lengths, so whether a copy of a
    point lies in the ball of its twins would be a matter of chance.
    """
    lengths = a.square().sum(1)[:, None] + b.square().sum(1)
    return torch.addmm(lengths, a, b.T, alpha=-2).clamp_min_(0)


def _smallest(known: Tensor, more: Tensor, count: int) -> Tensor:
    """The *count* smallest of each row of both together: (n, k), (n, m) -> (n, count)."""
    found = more.topk(min(count, more.shape[1]), 1, largest=False).values
    both = torch.cat([known, found], 1)
    smallest: Tensor = both.topk(min(count, both.shape[1]), 1, largest=False).values
    return smallest


def _share(of: Tensor) -> float:
    return float(of.double().mean())


def _scores(suffix: str, whose: str, real: Tensor, generated: Tensor) -> dict[str, Measured]:
    found = precision_recall(real=real, fake=generated)
    note = f"balls of {K} neighbours, in features of {whose}, not of VGG16 as in the papers"
    if collapsed(generated):
        note = COLLAPSED
    return {f"{name}{suffix}": Measured(value, note=note) for name, value in found.items()}


def metric(network: str, layer: str, suffix: str, tail: str, whose: str) -> Metric:
    """The four shares in features of *layer* of *network*.

    Args:
        suffix: of the names of the scores.
        tail: of their titles.
        whose: what the network is called in notes.
    """
    columns = {
        f"{name}{suffix}": Column(f"{name.title()}{tail}", lower_is_better=False, about=about)
        for name, about in ABOUT.items()
    }
    function = functools.partial(_scores, suffix, whose)
    return feature_metric(function, network, layer, columns, parameters={"neighbours": K})


METRIC = replace(
    metric("inception", LAYER, "", "", "Inception"),
    variants={
        layer: metric("inception", layer, f"_{layer}", f"-{layer}", "Inception") for layer in OTHERS
    },
)
