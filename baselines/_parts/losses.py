"""Losses on batches of latents, and of images, that several models share."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from genbench.distributed import gathered

# B latents of d numbers each; mu_j and v_j are mean and variance of number j over the batch

LEAST_VARIANCE = 1e-20  # keeps the logarithm finite when all latents of a batch are one


def batch_kl(z: Tensor) -> Tensor:
    """Divergence of a batch, seen as a Gaussian with its own moments, from N(0, I).

        K = (1/d) sum_j [(v_j + mu_j^2) / 2 - log(v_j) / 2 - 1/2]

    On the unit sphere the first terms add up to the constant 1 / (2 d): only -log v_j pulls,
    and K is smallest (`least_kl`) when the batch spreads evenly in all directions.

    Args:
        z: latents, (B, d), B of at least 2: one row has no variance, and no gradient here.

    Returns:
        K, a scalar in nats per dimension; float32 or better.

    Source: D. Ulyanov et al., "It Takes (Only) Two: Adversarial Generator-Encoder
        Networks", AAAI 2018, with the variance where its code has the deviation.
    """
    variance, mean = moments(z)
    logarithm = variance.clamp_min(LEAST_VARIANCE).log()
    return ((variance + mean.square() - logarithm - 1) / 2).mean()


def deviation_kl(z: Tensor) -> Tensor:
    """`batch_kl` as the code of AGE has it, with the variance where the deviation should stand.

        Kc = (1/d) sum_j [(v_j^2 + mu_j^2) / 2 - log v_j - 1/2]

    On the unit sphere v_j is about 1/d, so -log v_j pulls alone, twice as hard as in `batch_kl`.

    Args:
        z: latents, (B, d), B of at least 2.

    Returns:
        Kc, a scalar; float32 or better.

    Source: the released code of D. Ulyanov et al., "It Takes (Only) Two", AAAI 2018.
    """
    variance, mean = moments(z)
    logarithm = variance.clamp_min(LEAST_VARIANCE).log()
    return ((variance.square() + mean.square() - 1) / 2 - logarithm).mean()


def least_deviation_kl(latent: int) -> float:
    """Lower bound of `deviation_kl` for unit vectors: every v_j is 1/d."""
    return 1 / (2 * latent**2) + math.log(latent) - 1 / 2


def moments(z: Tensor) -> tuple[Tensor, Tensor]:
    """Variance (divided by B, not B - 1) and mean over the batch: (B, d) -> (d,), (d,).

    With several processes the batch is that of all of them.
    """
    precise = z.float() if z.dtype.itemsize < 4 else z
    return torch.var_mean(gathered(precise), dim=0, correction=0)


def least_kl(latent: int) -> float:
    """Lower bound of `batch_kl` for unit vectors: every v_j is 1/d."""
    return 1 / (2 * latent) + math.log(latent) / 2 - 1 / 2


def mean_cosine(a: Tensor, b: Tensor) -> Tensor:
    """Mean over the batch of the product of unit vectors: (B, d), (B, d) -> scalar.

    The shapes must be equal: (B, d, 1, 1) against (B, d) would broadcast to all pairs.
    """
    assert a.shape == b.shape, f"{tuple(a.shape)} against {tuple(b.shape)}"
    return (a * b).sum(1).mean()


def mean_square(a: Tensor, b: Tensor) -> Tensor:
    """Mean of (a - b)^2 over all numbers of each image: (n, c, h, w) twice -> (n,).

    The shapes must be equal: (n, 1, h, w) against (n, 3, h, w) would broadcast.
    """
    assert a.shape == b.shape, f"{tuple(a.shape)} against {tuple(b.shape)}"
    return (a - b).square().flatten(1).mean(1)
