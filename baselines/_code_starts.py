"""Where learned codes begin: at random, or at the principal components of their images."""

from __future__ import annotations

import math

import torch
from torch import Generator, Tensor

from genbench.images import to_floats
from genbench.interfaces import Batch, TrainingImages

from ._latent import gaussian
from .pca import PCA

BATCH = 512  # images looked at together


def gaussian_start(n: int, latent: int, rng: Generator) -> Tensor:
    """n draws from N(0, I / d), so of norm about 1: (n, d)."""
    return gaussian(n, latent, rng) / math.sqrt(latent)


def pca_start(train: TrainingImages, model: PCA, rng: Generator) -> Tensor:
    """Coordinates of all images along their leading principal components.

    Args:
        train: the training images.
        model: a fresh PCA on the device, whose settings say how many images it is fitted to.
        rng: chooses them, where there are more.

    Returns:
        (N, d), not scaled: the variance along a component is that of the images.
    """
    chosen = torch.randperm(len(train), generator=rng, device=rng.device).cpu()
    device = model.mean.device
    for part in torch.split(chosen[: model.total(len(train))], model.settings.batch):
        model.step(Batch(to_floats(train.take(part).to(device)), part), rng)
    everything = torch.split(torch.arange(len(train)), BATCH)
    return torch.cat(
        [model.coordinates(to_floats(train.take(part).to(device))) for part in everything]
    )


def of_mean_norm_one(codes: Tensor) -> Tensor:
    """All divided by one number, so that their norms are 1 on average: (n, d) -> (n, d)."""
    least = torch.finfo(codes.dtype).tiny  # equal images have codes of 0
    norms: Tensor = torch.linalg.vector_norm(codes, dim=1)
    return codes / norms.mean().clamp_min(least)
