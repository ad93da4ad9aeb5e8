"""Walks along the principal directions of the latents, through the mean code.

Source: P. Bojanowski et al., "Optimizing the Latent Space of Generative Networks", ICML 2018,
    figure 6: the average image stands fourth of seven.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from genbench.errors import NotEnoughData
from genbench.figures.canvas import Drawing, Words
from genbench.figures.sheet import Sheet, block, draw
from genbench.figures.trained_model import TrainedModel
from genbench.interfaces import Stores
from genbench.runtime import seeds

STEPS = 7
REACH = 3.0  # standard deviations
CODES = 2048  # training images that the directions are fitted to


@dataclass(frozen=True)
class Principal:
    """Mean and principal directions of codes, float64."""

    mean: Tensor  # (d,)
    variances: Tensor  # (d,), falling
    directions: Tensor  # (d, d), orthonormal rows, the largest number of each positive


def directions(
    of: TrainedModel, count: int = 4, most: int = CODES, seed: int = 0, *, renormalise: bool = True
) -> Drawing:
    """One row for each direction of most variance; the mean code is in the middle."""
    if of.own and isinstance(of.model, Stores):
        of.need("principal directions", "decode")
    else:
        of.need("principal directions", "encode", "decode")
    train = of.data.train
    rows = seeds.permutation(len(train), seed, "directions")[:most]
    codes = of.codes(rows)
    found = principal(codes)
    count = min(count, len(found.variances))
    deviations = torch.linspace(-REACH, REACH, STEPS)
    walked = walks(found, count, deviations).flatten(0, 1).to(codes)
    if renormalise:
        walked = of.at_home(walked, codes)
    shares = found.variances / found.variances.sum().clamp_min(torch.finfo(torch.float64).tiny)
    labels = {i: f"{i + 1} ({100 * shares[i]:.1f} %)" for i in range(count)}
    heads = {
        i: "mean" if d == 0 else f"{d:+g} σ".replace("-", "−")
        for i, d in enumerate(deviations.tolist())
    }
    norm = "; brought back to the sphere" if of.sphere and renormalise else ""
    words = Words(
        f"{of.name}: principal directions",
        f"Each row goes along a principal direction of the codes of {len(codes):,} training "
        f"images, through their mean{norm}; in brackets its share of their variance. "
        f"{of.source(seed)}",
        f"{count} rows of images, each changing along one direction of the latents of {of.name}",
    )
    tiles = block(of.decode(walked), STEPS)
    return draw(
        Sheet(
            tiles,
            {float(i): text for i, text in labels.items()},
            {float(i): text for i, text in heads.items()},
        ),
        words,
    )


def principal(codes: Tensor) -> Principal:
    """Of codes (n, d).

    Raises:
        NotEnoughData: fewer than two codes have no directions.
    """
    if len(codes) < 2:
        raise NotEnoughData(f"principal directions need 2 codes, got {len(codes)}; raise --codes")
    rows = codes.double().cpu()
    mean = rows.mean(0)
    values, vectors = torch.linalg.eigh((rows - mean).T @ (rows - mean) / (len(rows) - 1))
    values, vectors = values.flip(0).clamp_min(0), vectors.flip(1).T
    largest = vectors.gather(1, vectors.abs().argmax(1, keepdim=True))
    return Principal(mean, values, vectors * largest.sign())


def walks(found: Principal, count: int, deviations: Tensor) -> Tensor:
    """Codes (count, s, d) at so many standard deviations (s,) from the mean."""
    steps = found.variances[:count].sqrt()[:, None] * deviations.double()
    return found.mean + steps[:, :, None] * found.directions[:count, None]
