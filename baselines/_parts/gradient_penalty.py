"""The gradient penalty of WGAN-GP.

Source: I. Gulrajani et al., "Improved Training of Wasserstein GANs", NeurIPS 2017,
    arXiv:1704.00028.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Generator, Tensor

from genbench.distributed import drawn

TWICE = "its gradient is differentiated again, which torch cannot compile"  # see `StaysEager`


def gradient_norms(
    critic: Callable[[Tensor], Tensor], real: Tensor, fake: Tensor, rng: Generator
) -> Tensor:
    """Norm of the critic's gradient at a random point between each real and its fake.

    Args:
        critic: images (n, c, h, w) -> scores (n,).
        real: (n, c, h, w).
        fake: (n, c, h, w), without gradient.
        rng: source of the points, one number for each image.

    Returns:
        (n,), differentiable in the critic's weights; over all numbers of an image.
    """
    share = drawn(
        lambda shape: torch.rand(shape, generator=rng, device=rng.device), (len(real), 1, 1, 1)
    ).to(real)
    points = torch.lerp(real, fake.to(real), share).requires_grad_()
    (slopes,) = torch.autograd.grad(critic(points).sum(), points, create_graph=True)
    # Unlike the root of a sum, its derivative at a slope of 0 is 0 and not 0 / 0.
    norms: Tensor = torch.linalg.vector_norm(slopes.flatten(1), dim=1)
    return norms


def penalty(norms: Tensor, target: float = 1.0) -> Tensor:
    """Mean of (norm - T)^2 / T^2: (n,) -> scalar."""
    return (norms / target - 1).square().mean()
