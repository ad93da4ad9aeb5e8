"""Where learned codes begin: at random, and how long they are."""

from __future__ import annotations

import math

import torch
from torch import Generator, Tensor

from .priors import gaussian


def gaussian_start(n: int, latent: int, rng: Generator) -> Tensor:
    """n draws from N(0, I / d), so of norm about 1: (n, d)."""
    return gaussian(n, latent, rng) / math.sqrt(latent)


def of_mean_norm_one(codes: Tensor) -> Tensor:
    """All divided by one number, so that their norms are 1 on average: (n, d) -> (n, d)."""
    least = torch.finfo(codes.dtype).tiny  # equal images have codes of 0
    norms: Tensor = torch.linalg.vector_norm(codes, dim=1)
    return codes / norms.mean().clamp_min(least)
